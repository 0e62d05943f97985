// Light or dark: what was chosen here before, else what the system says. Runs before the first paint.
(function () {
  'use strict';
  const system = matchMedia('(prefers-color-scheme: dark)');
  const kept = () => { try { return localStorage.getItem('theme'); } catch { return null; } };
  const apply = () => {
    document.documentElement.dataset.theme = kept() || (system.matches ? 'dark' : 'light');
    document.dispatchEvent(new Event('theme'));
  };
  apply();
  system.addEventListener('change', apply);
  addEventListener('storage', apply);
  document.addEventListener('click', (event) => {
    if (!event.target.closest('#theme')) return;
    const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
    try { localStorage.setItem('theme', next); } catch { document.documentElement.dataset.theme = next; }
    apply();
  });
})();
