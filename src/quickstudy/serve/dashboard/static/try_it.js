// Try it: start from a recent case, send by keyboard, look at the answer.
(function () {
  'use strict';
  const record = document.getElementById('record');
  document.addEventListener('click', (event) => {
    const example = event.target.closest('[data-fill]');
    if (!example) return;
    record.value = example.dataset.fill;
    record.focus();
  });
  record.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) record.form.requestSubmit();
  });
  document.addEventListener('htmx:afterSettle', (event) => {
    if (event.target.id === 'answer' || event.target.id === 'learned') {
      event.target.focus({ preventScroll: true });
      event.target.scrollIntoView({ block: 'nearest' });
    }
  });
})();
