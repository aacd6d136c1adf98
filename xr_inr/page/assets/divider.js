// The divider of the pair: dragged anywhere in the picture, or moved with the keys of a slider.

const DRAG_STARTS_AFTER = 4;

function startDivider() {
  const handle = document.querySelector(".handle");
  if (handle === null) return;
  const frame = handle.parentElement;
  let at = 50;
  let pressed = null;

  function put(percent) {
    at = Math.min(100, Math.max(0, percent));
    frame.style.setProperty("--at", `${at}%`);
    handle.setAttribute("aria-valuenow", Math.round(at));
    handle.setAttribute("aria-valuetext", `${Math.round(at)} % original`);
  }

  frame.addEventListener("pointerdown", (event) => {
    if (event.button === 0) pressed = { x: event.clientX, on: event.target === handle, moved: false };
  });
  frame.addEventListener("pointermove", (event) => {
    if (pressed === null) return;
    if (!pressed.moved && Math.abs(event.clientX - pressed.x) < DRAG_STARTS_AFTER) return;
    if (!pressed.moved) frame.setPointerCapture(event.pointerId);
    pressed.moved = true;
    const box = frame.getBoundingClientRect();
    put((100 * (event.clientX - box.left)) / box.width);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, () => {
      // What follows is a click: it picks a pixel only if nothing was dragged.
      frame.dataset.dragged = pressed !== null && pressed.moved ? "yes" : "no";
      pressed = null;
    });
  }
  handle.addEventListener("keydown", (event) => {
    const moves = {
      ArrowRight: at + 2, ArrowUp: at + 2, ArrowLeft: at - 2, ArrowDown: at - 2,
      PageUp: at + 10, PageDown: at - 10, Home: 0, End: 100,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    put(moves[event.key]);
  });
  put(at);
}
