// One run, drawn by uPlot: how likely it was to succeed, its value with its band, loops, and the
// step that cost most. Pointing at a step in the list points at it in the chart, and the other way.
(function () {
  'use strict';
  const host = document.getElementById('trajectory'), now = document.getElementById('trajectory-now');
  const empty = document.getElementById('trajectory-empty');
  const key = (name) => document.getElementById(`key-${name}`);
  let chart, trajectory, seen, open = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = (v) => (v == null ? '–' : `${Math.round(100 * v)} %`);
  const short = (v) => (v == null ? '–' : String(Math.round(100 * v) / 100));
  const moved = (n) => `${n < 0 ? '−' : n ? '+' : '±'}${Math.abs(n)} point${Math.abs(n) === 1 ? '' : 's'}`;
  const size = () => ({ width: host.clientWidth, height: host.clientHeight });

  // value and chance share the left scale where outcomes lie between 0 and 1
  function span() {
    const held = [...trajectory.low, ...trajectory.high, ...trajectory.range].filter((v) => v != null);
    return held.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [held[0], held[0]]);
  }
  const shared = ([low, high]) => low >= 0 && high <= 1;

  function shade(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = colour('--orange-soft');
    for (const [from, to] of trajectory.loops) {
      const left = u.valToPos(from - 0.5, 'x', true), right = u.valToPos(to + 0.5, 'x', true);
      const start = Math.max(left, bbox.left), end = Math.min(right, bbox.left + bbox.width);
      ctx.fillRect(start, bbox.top, end - start, bbox.height);
    }
    ctx.restore();
  }

  function mark(u) {
    if (trajectory.lost == null) return;
    const { ctx, bbox } = u, dot = 4 * devicePixelRatio, at = trajectory.lost - trajectory.first;
    const x = u.valToPos(trajectory.lost, 'x', true), y = u.valToPos(trajectory.p[at], 'y', true);
    const from = u.valToPos(trajectory.p[at - 1], 'y', true);
    const before = u.valToPos(trajectory.lost - 1, 'x', true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour('--red');
    ctx.lineWidth = 3.5 * devicePixelRatio;
    ctx.beginPath(); ctx.moveTo(before, from); ctx.lineTo(x, y); ctx.stroke();
    ctx.beginPath(); ctx.arc(x, y, dot, 0, 7); ctx.fill();
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
    ctx.restore();
  }

  function tell(u) {
    const i = u.cursor.idx == null ? trajectory.p.length - 1 : u.cursor.idx, number = trajectory.first + i;
    const before = trajectory.p[i - 1], change = before == null ? null : trajectory.p[i] - before;
    const points = change == null ? '' : `, ${moved(Math.round(100 * change))}`;
    const value = trajectory.value[i] == null ? '' : `; value ${short(trajectory.value[i])} (${short(trajectory.low[i])} to ${short(trajectory.high[i])})`;
    now.textContent = number === 0 ? `before the first step: ${percent(trajectory.p[0])}`
      : `step ${number}: ${percent(trajectory.p[i])}${points}${value} · ${trajectory.acts[i]}`;
    for (const row of document.querySelectorAll('.steps .pointed')) row.classList.remove('pointed');
    const row = u.cursor.idx != null && document.getElementById(`step-${number}`);
    if (row) row.classList.add('pointed');
  }

  function options() {
    const axis = { stroke: colour('--muted'), font: '12px system-ui, sans-serif', ticks: { show: false } };
    const line = (name, width, more) => ({ stroke: colour(name), width, points: { show: trajectory.p.length < 40, size: 5 }, ...more });
    const edge = { points: { show: false }, stroke: 'transparent', width: 0 };
    const range = span(), one = shared(range), scale = one ? 'y' : 'v';
    return {
      ...size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
      scales: { x: { time: false, range: () => [trajectory.first - 0.3, trajectory.first + Math.max(1, trajectory.p.length - 1) + 0.3] }, y: { range: [0, 1] }, v: { range } },
      axes: [
        { ...axis, size: 30, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
          values: (u, at) => at.map((v) => (v === 0 ? 'start' : v % 1 ? '' : v.toLocaleString('en'))) },
        { ...axis, size: 50, grid: { stroke: colour('--grid'), width: 1 },
          values: (u, at) => at.map(percent), splits: () => [0, 0.25, 0.5, 0.75, 1] },
        { ...axis, show: !one, scale: 'v', side: 1, size: 50, stroke: colour('--orange-ink'), grid: { show: false },
          values: (u, at) => at.map(short) },
      ],
      series: [{}, { ...edge, scale }, { ...edge, scale }, line('--orange', 1.5, { scale, dash: [6, 4], points: { show: false } }), line('--blue', 2.5)],
      bands: [{ series: [2, 1], fill: colour('--band') }],
      hooks: { drawClear: [shade], draw: [mark], setCursor: [tell], setData: [tell] },
    };
  }

  function draw(again) {
    const figures = document.getElementById('figures');
    if (!figures || (!again && figures.dataset.trajectory === seen)) return;
    seen = figures.dataset.trajectory;
    trajectory = JSON.parse(seen);
    const short = trajectory.p.length < 2;
    empty.hidden = !short;
    host.hidden = now.hidden = host.previousElementSibling.hidden = short;
    key('loop').hidden = !trajectory.loops.length;
    key('lost').hidden = trajectory.lost == null;
    if (short) return;
    if (chart) chart.destroy();
    const data = [trajectory.p.map((_, i) => trajectory.first + i), trajectory.low, trajectory.high, trajectory.value, trajectory.p];
    chart = new uPlot(options(), data, host);
    tell(chart);
  }

  function point(event, leaving) {
    const row = event.target.closest && event.target.closest('.steps > li');
    if (!chart || !row) return;
    const number = Number(row.dataset.step);
    if (number <= trajectory.first) return;
    chart.setCursor(leaving ? { left: -10, top: -10 } : { left: chart.valToPos(number, 'x'), top: 5 });
  }
  document.addEventListener('mouseover', (event) => point(event, false));
  document.addEventListener('mouseout', (event) => point(event, true));
  host.addEventListener('click', () => {
    const row = chart && chart.cursor.idx && document.getElementById(`step-${trajectory.first + chart.cursor.idx}`);
    if (!row) return;
    row.querySelector('details').open = true;
    row.scrollIntoView({ block: 'center', behavior: 'smooth' });
  });

  // what was opened stays open when new steps come
  document.addEventListener('htmx:beforeSwap', () => {
    open = [...document.querySelectorAll('.steps details[open]')].map((it) => it.id);
  });
  document.addEventListener('htmx:afterSettle', () => {
    for (const id of open) { const it = document.getElementById(id); if (it) it.open = true; }
    draw(false);
  });

  draw(true);
  document.addEventListener('theme', () => draw(true));
  new ResizeObserver(() => chart && chart.setSize(size())).observe(host);
})();
