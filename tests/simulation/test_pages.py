from __future__ import annotations

import pytest

from simulation.pages import Form, Page, PageNotUnderstood, find_form, find_undo

CARD = """
<article class="card" lang="de" dir="ltr" data-item="12" data-token="tok">
  <p class="card-topic"><a href="/topics/tea/"><bdi>Tea &amp; Coffee</bdi></a></p>
  <h2 class="card-title"><a href="/items/a/?s=tok">Who&#x27;s there?</a></h2>
  <form class="reaction like" method="post" action="/items/a/react/">
    <input type="hidden" name="csrfmiddlewaretoken" value="c"><input type="hidden" name="kind" value="like">
    <button type="submit">Like</button>
  </form>
  <form class="reactions" method="post" action="/items/a/react/">
    <input type="hidden" name="part" value="card">
    <button class="menu-item" type="submit" name="kind" value="dismiss">Not interested</button>
  </form>
</article>
"""


def test_a_card_is_read_as_it_stands() -> None:
    (card,) = Page("/", CARD).cards
    assert (card.item, card.token, card.language) == (12, "tok", "de")
    assert (card.title, card.topic, card.href) == ("Who's there?", "Tea & Coffee", "/items/a/?s=tok")
    assert card.form("like") == Form("/items/a/react/", (("csrfmiddlewaretoken", "c"), ("kind", "like")))
    assert card.form("menu").fields == (("part", "card"),)


def test_what_is_missing_is_named() -> None:
    page = Page("/somewhere/", CARD)
    assert page.next_path is None
    assert page.welcome is None
    with pytest.raises(PageNotUnderstood, match="/somewhere/ is not the page of an item"):
        _ = page.story
    with pytest.raises(PageNotUnderstood, match="no form of the class 'reaction save'"):
        page.cards[0].form("save")
    with pytest.raises(PageNotUnderstood, match="hx-headers"):
        _ = page.headers
    with pytest.raises(PageNotUnderstood, match="no way back"):
        find_undo(CARD)
    with pytest.raises(PageNotUnderstood, match="no title"):
        _ = Page("/", CARD.replace("card-title", "card-name")).cards


def test_the_first_choice_has_its_topics_and_what_is_ticked() -> None:
    source = """
    <form class="welcome-form" method="post" action="/welcome/">
      <input type="hidden" name="next" value="/">
      <label><input class="tile-box" type="checkbox" name="topics"
        value="tea"><span></span><bdi class="tile-name">Tea</bdi></label>
      <label><input type="checkbox" name="languages" value="de" checked></label>
      <label><input type="checkbox" name="languages" value="en"></label>
    </form>"""
    welcome = Page("/", source).welcome
    assert welcome is not None
    assert welcome.form == Form("/welcome/", (("next", "/"),))
    assert (dict(welcome.topics), welcome.languages) == ({"Tea": "tea"}, ("de",))


def test_a_form_is_found_by_its_whole_class() -> None:
    with pytest.raises(PageNotUnderstood):
        find_form(CARD, "reaction")
