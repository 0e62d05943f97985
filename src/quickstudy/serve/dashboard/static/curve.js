// The learning curve, drawn by uPlot in the page's colours; new points come with the live figures.
(function () {
  'use strict';
  const host = document.getElementById('curve'), now = document.getElementById('curve-now');
  const empty = document.getElementById('curve-empty'), legend = document.getElementById('curve-legend');
  const LEAST_POINTS = 2;
  let chart, columns, seen;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = (v) => (v == null ? '–' : `${Math.round(100 * v)} %`);
  const size = () => ({ width: host.clientWidth, height: host.clientHeight });

  function tell(u) {
    const i = u.cursor.idx == null ? columns.cases.length - 1 : u.cursor.idx;
    if (i < 0) return;
    now.textContent = `case ${columns.cases[i].toLocaleString('en')}: ${percent(columns.right[i])} right, `
      + `${percent(columns.handled[i])} alone, ${columns.labels[i].toLocaleString('en')} labels`;
  }

  function options() {
    const axis = { stroke: colour('--muted'), font: '12px system-ui, sans-serif', ticks: { show: false } };
    const line = (name, width) => ({ stroke: colour(name), width, spanGaps: true, points: { show: false } });
    return {
      ...size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { time: false }, y: { range: [0, 1] } },
      axes: [
        { ...axis, size: 32, grid: { show: false }, values: (u, at) => at.map((v) => v.toLocaleString('en')) },
        { ...axis, size: 50, grid: { stroke: colour('--grid'), width: 1 },
          values: (u, at) => at.map(percent), splits: () => [0, 0.25, 0.5, 0.75, 1] },
      ],
      series: [{}, line('--blue', 2.5), line('--orange', 2)],
      hooks: { setCursor: [tell], setData: [tell] },
    };
  }

  function draw(again) {
    const figures = document.getElementById('figures');
    if (!figures || (!again && figures.dataset.curve === seen)) return;
    seen = figures.dataset.curve;
    columns = JSON.parse(seen);
    const short = columns.cases.length < LEAST_POINTS;
    empty.hidden = !short;
    host.hidden = legend.hidden = short;
    if (short) return;
    const data = [columns.cases, columns.right, columns.handled];
    if (chart && !again) { chart.setData(data); return; }
    if (chart) chart.destroy();
    chart = new uPlot(options(), data, host);
    tell(chart);
  }

  draw(true);
  document.addEventListener('theme', () => draw(true));
  document.addEventListener('htmx:afterSettle', () => draw(false));
  new ResizeObserver(() => chart && chart.setSize(size())).observe(host);
})();
