// The forms under Control: one more row, a slow form is sent once, a model file as it is.
(function () {
  'use strict';
  document.addEventListener('click', (event) => {
    const more = event.target.closest('[data-another]');
    if (!more) return;
    const rows = more.closest('[data-rows]').querySelectorAll('.row');
    const row = rows[rows.length - 1].cloneNode(true);
    for (const input of row.querySelectorAll('input')) input.value = '';
    for (const problem of row.querySelectorAll('.problem')) problem.remove();
    more.before(row);
    row.querySelector('input').focus();
  });

  // a model file is larger than what a form may send, so it is a request of its own
  async function send(form, file, button) {
    const reason = form.querySelector('[name=reason]').value;
    const headers = {
      'content-type': 'application/octet-stream', 'hx-request': 'true',
      'x-csrf': form.querySelector('[name=csrf]').value,
    };
    const address = `${form.dataset.upload}?reason=${encodeURIComponent(reason)}`;
    let told = 'The file was not sent: the server did not answer.';
    try {
      const answer = await fetch(address, { method: 'POST', headers, body: file });
      const next = answer.headers.get('HX-Redirect');
      if (next) { location.assign(next); return; }
      const sent = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const problem = sent.querySelector('.notice p');
      told = problem ? problem.textContent : 'The server did not take this file.';
    } catch { /* told as it is */ }
    fail(form, told);
    button.disabled = false;
    button.textContent = button.dataset.says;
  }
  function fail(form, text) {
    const problem = form.querySelector('.problem') || document.createElement('p');
    problem.className = 'problem';
    problem.setAttribute('role', 'alert');
    problem.textContent = text;
    form.lastElementChild.before(problem);
  }
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('[data-once]')) return;
    const button = form.querySelector('button'), input = form.querySelector('[data-most]');
    const file = input && form.querySelector('[value=file]:checked') && input.files[0];
    if (file && file.size > Number(input.dataset.most)) {
      event.preventDefault();
      fail(form, 'This file is larger than the server takes.');
      return;
    }
    button.dataset.says = button.textContent;
    if (file) event.preventDefault();
    setTimeout(() => { button.disabled = true; button.textContent = 'One moment…'; });
    if (file) send(form, file, button);
  });
})();
