// A field that finds a known label while one types, or takes a new one.
(function () {
  'use strict';
  const MOST = 8;
  const source = document.getElementById('labels');
  const labels = source ? JSON.parse(source.textContent) : [];

  document.addEventListener('taught', (event) => {
    const { code, label } = event.detail;
    if (!labels.some((known) => known[0] === code)) labels.push([code, label]);
  });

  function fold(text) {
    return text.toLowerCase().normalize('NFKD').replace(/[\u0300-\u036f]/g, '').replace(/[_\-.]+/g, ' ');
  }

  // labels that start with what is typed, then those with a word that does, then those that hold it
  function found(typed) {
    const wanted = fold(typed.trim());
    const rank = ([, text]) => {
      const name = fold(text);
      return name.startsWith(wanted) ? 0 : name.includes(` ${wanted}`) ? 1 : name.includes(wanted) ? 2 : 3;
    };
    const ranked = labels.map((known) => [rank(known), known]).filter(([r]) => r < 3);
    return ranked.sort((a, b) => a[0] - b[0]).slice(0, MOST).map(([, known]) => known);
  }

  const parts = (picker) => ({
    input: picker.querySelector('[role=combobox]'),
    list: picker.querySelector('[role=listbox]'),
    chosen: picker.querySelector('[name=label]'),
  });

  function open(picker) {
    const { input, list, chosen } = parts(picker);
    chosen.value = '';
    const typed = input.value.trim();
    const rows = found(typed).map(([code, text]) => ({ code, text, kind: '' }));
    const same = (text) => text.toLowerCase() === typed.toLowerCase();
    if (typed && !labels.some(([, text]) => same(text))) {
      rows.push({ code: '', text: typed, kind: 'new' });
    }
    list.replaceChildren(...rows.map((row, i) => option(list, row, i)));
    select(picker, typed && rows.length ? 0 : -1);
    show(picker, rows.length > 0);
  }

  function option(list, row, i) {
    const item = document.createElement('li');
    item.id = `${list.id}-${i}`;
    item.setAttribute('role', 'option');
    item.dataset.code = row.code;
    item.dataset.text = row.text;
    item.className = row.kind;
    item.textContent = row.kind ? `New label: ${row.text}` : row.text;
    return item;
  }

  function show(picker, yes) {
    const { input, list } = parts(picker);
    list.hidden = !yes;
    input.setAttribute('aria-expanded', String(yes));
    if (!yes) input.removeAttribute('aria-activedescendant');
  }

  function select(picker, i) {
    const { input, list } = parts(picker);
    [...list.children].forEach((item, k) => item.setAttribute('aria-selected', String(k === i)));
    const item = list.children[i];
    if (!item) { input.removeAttribute('aria-activedescendant'); return; }
    input.setAttribute('aria-activedescendant', item.id);
    item.scrollIntoView({ block: 'nearest' });
  }

  function take(picker, item) {
    const { input, chosen } = parts(picker);
    input.value = item.dataset.text;
    chosen.value = item.dataset.code;
    show(picker, false);
    input.form.requestSubmit();
  }

  const of = (event) => event.target.closest && event.target.closest('[data-picker]');

  document.addEventListener('input', (event) => { if (of(event)) open(of(event)); });
  document.addEventListener('focusin', (event) => {
    if (event.target.matches('[role=combobox]')) open(of(event));
  });
  document.addEventListener('focusout', (event) => { if (of(event)) show(of(event), false); });
  document.addEventListener('mousedown', (event) => {
    const item = event.target.closest('[role=option]');
    if (item) { event.preventDefault(); take(of(event), item); }
  });
  document.addEventListener('keydown', (event) => {
    if (!event.target.matches('[role=combobox]') || event.isComposing) return;
    const picker = of(event), { input, list } = parts(picker);
    const at = [...list.children].findIndex((item) => item.getAttribute('aria-selected') === 'true');
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) open(picker);
      const n = list.children.length;
      if (n) select(picker, (at + step + n) % n);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (!list.hidden && at >= 0) take(picker, list.children[at]);
      else if (input.value.trim()) input.form.requestSubmit();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      if (!list.hidden && input.value) show(picker, false);
      else input.blur();
    }
  });
})();
