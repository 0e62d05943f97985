// The queue by keyboard: one keystroke a label; where this tab is survives a reload.
(function () {
  'use strict';
  const kept = (store, key, other) => { try { return JSON.parse(store.getItem(key)) ?? other; } catch { return other; } };
  const keep = (store, key, value) => { try { store.setItem(key, JSON.stringify(value)); } catch { /* full or forbidden */ } };
  const desk = () => document.getElementById('desk');
  const { learner: name, mode = 'desk' } = desk().dataset, place = `${mode} ${name}`;
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
    if (event.target.id !== 'desk' && !desk().contains(event.target)) return;
    const trail = desk().querySelector('[name=trail]');
    keep(sessionStorage, place, { id: desk().dataset.case, trail: trail ? trail.value : '' });
    count();
    scrollTo({ top: 0 });
    const first = !desk().querySelector('.choice, .yes') && desk().querySelector('[role=combobox]');
    (first || document.getElementById('desk-case')).focus({ preventScroll: true });
  });

  const press = (selector) => {
    const button = desk().querySelector(selector);
    if (button && !button.disabled) button.click();
    return Boolean(button);
  };
  const keys = {
    u: () => press('[data-do=undo]'),
    s: () => press('[data-do=skip]'),
    n: () => { const field = desk().querySelector('[role=combobox]'); if (field) field.focus(); return Boolean(field); },
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
