// The two queues by keyboard: one keystroke a decision; where this tab is survives a reload.
(function () {
  'use strict';
  const kept = (store, key, other) => { try { return JSON.parse(store.getItem(key)) ?? other; } catch { return other; } };
  const keep = (store, key, value) => { try { store.setItem(key, JSON.stringify(value)); } catch { /* full or forbidden */ } };
  const queue = () => document.getElementById('queue');
  const place = `${queue().dataset.queue} ${queue().dataset.learner}`;
  const tab = kept(sessionStorage, 'tab', null) || crypto.getRandomValues(new Uint32Array(2)).join('');
  keep(sessionStorage, 'tab', tab);
  let busy = false;

  // labels taught by this browser today; the same case twice is one
  const dayKey = () => `taught ${new Date().toDateString()}`;
  function count() {
    const today = document.getElementById('today');
    if (today) today.textContent = kept(localStorage, dayKey(), []).length.toLocaleString('en');
  }
  document.addEventListener('taught', (event) => {
    const ids = new Set(kept(localStorage, dayKey(), []));
    keep(localStorage, dayKey(), [...ids.add(event.detail.id)]);
    count();
  });

  document.addEventListener('htmx:configRequest', (event) => {
    const sent = event.detail.parameters, last = kept(sessionStorage, place, {});
    sent.tab = tab;
    if (event.detail.path.endsWith('/next') && !sent.idle) {
      sent.id = last.id || '';
      sent.trail = last.trail || '';
    }
  });

  document.addEventListener('htmx:beforeRequest', (event) => {
    if (event.detail.requestConfig.elt.matches('[hx-trigger^="every"]')) return;
    busy = true;
  });
  for (const end of ['htmx:afterSettle', 'htmx:responseError', 'htmx:swapError']) {
    document.addEventListener(end, () => { busy = false; });
  }

  document.addEventListener('htmx:afterSettle', (event) => {
    if (event.target.id !== 'queue' && !queue().contains(event.target)) return;
    const trail = queue().querySelector('[name=trail]');
    keep(sessionStorage, place, { id: queue().dataset.case, trail: trail ? trail.value : '' });
    count();
    scrollTo({ top: 0 });
    const first = !queue().querySelector('.choice, .yes') && queue().querySelector('[role=combobox]');
    (first || document.getElementById('queue-case')).focus({ preventScroll: true });
  });

  const press = (selector) => {
    const button = queue().querySelector(selector);
    if (button && !button.disabled) button.click();
    return Boolean(button);
  };
  const keys = {
    u: () => press('[data-do=undo]'),
    s: () => press('[data-do=skip]'),
    n: () => { const field = queue().querySelector('[role=combobox]'); if (field) field.focus(); return Boolean(field); },
    '?': () => { document.getElementById('help').showModal(); return true; },
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.target.matches('input, textarea, select') || document.querySelector('dialog[open]')) return;
    const key = event.key.toLowerCase();
    const action = /^[1-9xy]$/.test(key) ? () => press(`[data-key="${key}"]`) : keys[key];
    if (action && (event.key === '?' || !busy) && action()) event.preventDefault();
  });
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-help]')) document.getElementById('help').showModal();
  });
})();
