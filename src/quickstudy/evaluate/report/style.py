"""The style sheet of a report: light, dark, narrow and print."""

STYLE = """
:root {
  --page: #f5f6f8; --surface: #ffffff; --ink: #19212c; --muted: #667284; --grid: #e4e8ee;
  --blue: #2458e6; --orange: #d9690b; --green: #10845a; --violet: #7c3fd1; --red: #c8322f;
  --teal: #0c8599; --brown: #8a5a2b; --grey: #98a2b0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f141b; --surface: #182029; --ink: #e8ecf2; --muted: #93a0b2; --grid: #2b3543;
    --blue: #7ba4ff; --orange: #ffa057; --green: #4fcf9b; --violet: #b99aff; --red: #ff8581;
    --teal: #56cfe0; --brown: #d3a272; --grey: #6d7a8c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 3rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
    sans-serif;
}
main { max-width: 56rem; margin: 0 auto; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 0 0 .25rem; }
p { margin: 0 0 1rem; }
.lead { font-size: 1.1rem; color: var(--muted); max-width: 46rem; }
.tiles { display: grid; gap: .75rem; margin: 1.75rem 0;
  grid-template-columns: repeat(3, 1fr); }
.tile, section { background: var(--surface); border: 1px solid var(--grid); border-radius: 14px; }
.tile { padding: 1rem 1.1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; letter-spacing: -.02em;
  font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile span { display: block; font-size: .9rem; }
.tile small { color: var(--muted); display: block; font-size: .8rem; line-height: 1.35;
  margin-top: .2rem; }
section { padding: 1.4rem 1.5rem 1.1rem; margin: 0 0 1rem; }
section > p { color: var(--muted); max-width: 44rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font-family: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9rem;
  margin-bottom: .4rem; }
.legend i { display: inline-block; width: 1.4em; border-top: 3px solid; vertical-align: .25em;
  margin-right: .45em; }
.legend i.dashed { border-top-style: dashed; border-top-width: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; font-weight: 500; color: var(--muted); font-size: .82rem; }
th, td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number, td.number { padding-right: 1.4rem; }
tr.ours td { font-weight: 650; }
.bar { display: inline-block; height: .65em; border-radius: 3px; background: var(--orange);
  min-width: 3px; }
details summary { cursor: pointer; color: var(--muted); }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
footer { color: var(--muted); font-size: .85rem; margin-top: 1.5rem; }
@media (max-width: 40rem) {
  body { padding-top: 1.5rem; } section { padding: 1.1rem; } h1 { font-size: 1.6rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
}
@media print { body { background: none; padding: 0; } section, .tile { break-inside: avoid; } }
"""
