// Suggestions while typing: a combobox. htmx fetches them into the list; this gives it a keyboard and tells screen readers.

export function startSearch() {
  for (const search of document.querySelectorAll("[data-search]")) start(search);
}

function start(search) {
  const box = search.querySelector("input[type=search]");
  const list = search.querySelector(".suggestions");
  let selected = -1;

  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-expanded", "false");
  box.setAttribute("aria-controls", list.id);
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");

  const options = () => [...list.querySelectorAll("[role=option]")];

  function open() {
    const isOpen = options().length > 0 && box.value.trim() !== "" && document.activeElement === box;
    list.hidden = !isOpen;
    box.setAttribute("aria-expanded", String(isOpen));
    select(-1);
  }

  function close() {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    select(-1);
  }

  function select(index) {
    selected = index;
    for (const [position, option] of options().entries()) {
      option.setAttribute("aria-selected", String(position === index));
    }
    const option = options()[index];
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      box.removeAttribute("aria-activedescendant");
    }
  }

  // One step through "nothing selected" and the options, round and round.
  function step(by) {
    const places = options().length + 1;
    select(((selected + 1 + by + places) % places) - 1);
  }

  list.addEventListener("htmx:afterSwap", open);
  box.addEventListener("focus", open);
  box.addEventListener("input", () => {
    if (box.value.trim() === "") close();
  });
  search.addEventListener("focusout", (event) => {
    if (!search.contains(event.relatedTarget)) close();
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) open();
      if (!list.hidden) step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && selected >= 0 && !list.hidden) {
      event.preventDefault();
      options()[selected].click();
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
}
