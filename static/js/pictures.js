// A picture that cannot be fetched leaves its place empty, and is asked for again once the network is back.

export function startPictures() {
  const hide = (picture) => picture.classList.add("is-missing");
  addEventListener("error", ({ target }) => target instanceof HTMLImageElement && hide(target), { capture: true });
  addEventListener("load", ({ target }) => target instanceof HTMLImageElement && target.classList.remove("is-missing"), {
    capture: true,
  });
  for (const picture of document.images) {
    if (picture.complete && picture.naturalWidth === 0 && picture.loading !== "lazy") hide(picture);
  }
  addEventListener("online", () => {
    for (const picture of document.querySelectorAll("img.is-missing")) picture.src = picture.src;
  });
}
