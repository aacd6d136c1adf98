// Starts everything, and says so, or why not, on the page itself.

try {
  const data = JSON.parse(document.getElementById("data").textContent);
  startDivider();
  startBands(data);
  startPixels(data);
  startChunks(data);
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  const note = document.getElementById("failure");
  note.textContent = `Curves and pictures cannot be shown in this browser: ${error.message}`;
  note.hidden = false;
  document.documentElement.dataset.ready = "no";
}
