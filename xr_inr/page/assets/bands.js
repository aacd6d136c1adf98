// The error by band.

function startBands(data) {
  const colour = "var(--series-0)";
  const psnr = new Chart(document.getElementById("band-psnr"), data.axis, "PSNR (dB)", {
    told: (place) => [[colour, `${figure(data.bandPsnr[place], 4)} dB`]],
    hint: "Point at the curves, or use the arrow keys, to read values.",
  });
  const error = new Chart(document.getElementById("band-error"), data.axis, `largest error (${data.unit})`, {
    fromZero: true,
    told: (place) => [[colour, `${figure(data.bandError[place])} ${data.unit}`]],
  });
  psnr.linked = [error];
  error.linked = [psnr];
  psnr.show([{ values: data.bandPsnr, colour }]);
  error.show([{ values: data.bandError, colour, area: true }]);
}
