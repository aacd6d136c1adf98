// The error by band.

function startBands(data) {
  const colour = "var(--series-0)";
  const charts = [];
  const add = (id, label, values, options, look) => {
    const host = document.getElementById(id);
    if (host === null) return;
    const chart = new Chart(host, data.axis, label, options);
    chart.show([{ values, colour, ...look }]);
    charts.push(chart);
  };
  const decibels = (place) => {
    if (data.bandPsnr[place] === null && data.bandError[place] === 0) return "exact";
    return `${figure(data.bandPsnr[place], 4)} dB`;
  };
  add("band-psnr", "PSNR (dB)", data.bandPsnr, {
    told: (place) => [[colour, decibels(place)]],
    hint: "Point at the curves, or use the arrow keys, to read values.",
  });
  add("band-error", `largest error (${data.unit})`, data.bandError, {
    fromZero: true,
    told: (place) => [[colour, `${figure(data.bandError[place])} ${data.unit}`]],
  }, { area: true });
  for (const chart of charts) chart.linked = charts.filter((other) => other !== chart);
}
