// What the pages do beyond links and forms: keep a picked row marked, bring its answer into view where the page is narrow,
// and say when an answer could not be fetched.
document.addEventListener("htmx:afterRequest", (event) => {
  const from = event.detail.elt;
  if (event.detail.successful && from.matches("[data-picks]")) {
    const group = from.dataset.picks;
    for (const other of document.querySelectorAll(`[data-picks="${group}"]`)) other.removeAttribute("aria-current");
    from.setAttribute("aria-current", "true");
    const place = event.detail.target;
    if (place.getBoundingClientRect().top > innerHeight - 80) place.scrollIntoView({ block: "start" });
  }
});

document.addEventListener("htmx:sendError", (event) => {
  const place = event.detail.target;
  if (!place || !document.body.dataset.unreachable) return;
  const said = document.createElement("p");
  said.className = "empty";
  said.textContent = document.body.dataset.unreachable;
  place.replaceChildren(said);
});
