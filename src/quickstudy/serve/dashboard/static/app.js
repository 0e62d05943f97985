// What every page shares: short messages, refusals, a server that is away, live figures.
(function () {
  'use strict';
  const SHOWN_MS = 2600, AGAIN_MS = 2000, LIVE_MS = 2000;
  const said = document.getElementById('said'), offline = document.getElementById('offline');
  let fading;

  function say(text) {
    said.textContent = text;
    said.classList.add('shown');
    clearTimeout(fading);
    fading = setTimeout(() => said.classList.remove('shown'), SHOWN_MS);
  }
  document.addEventListener('said', (event) => say(event.detail.value));

  // refusals come as a part that goes into #notice; anything else that fails is said in words
  document.addEventListener('htmx:beforeSwap', (event) => {
    if (!event.detail.isError) return;
    if (event.detail.xhr.getResponseHeader('HX-Retarget')) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    } else {
      say('Something went wrong on the server. Nothing was changed.');
    }
  });
  document.addEventListener('htmx:afterRequest', (event) => {
    if (!event.detail.xhr.status) return;
    offline.hidden = true;
    const notice = document.querySelector('#notice > *');
    if (notice && event.detail.xhr.status < 400 && event.detail.requestConfig.verb !== 'get') notice.remove();
  });
  document.addEventListener('click', (event) => {
    const close = event.target.closest('[data-close]');
    if (close) document.querySelector(close.dataset.close).replaceChildren();
  });

  // the server is away: what somebody did is sent again until it arrives (it carries a key, so it
  // counts once); what runs by itself simply runs again
  function again(event) {
    offline.hidden = false;
    const { elt, requestConfig: sent } = event.detail;
    if (sent.verb === 'get' || elt.matches('[hx-trigger^="every"]')) return;
    setTimeout(() => {
      if (!elt.isConnected) return;
      const source = sent.triggeringEvent && sent.triggeringEvent.submitter;
      if (source) elt.requestSubmit(source.isConnected ? source : undefined);
      else htmx.trigger(elt, elt.matches('form') ? 'submit' : elt.matches('button') ? 'click' : 'again');
    }, AGAIN_MS);
  }
  document.addEventListener('htmx:sendError', again);
  document.addEventListener('htmx:timeout', again);

  // live figures: a small question every two seconds while somebody looks; 204 when nothing is new
  const live = document.querySelector('[data-live]');
  async function refresh() {
    const figures = document.getElementById('figures');
    if (!document.hidden && figures) {
      const more = live.dataset.live.includes('?') ? '&' : '?';
      const address = `${live.dataset.live}${more}seq=${figures.dataset.seq}`;
      try {
        await htmx.ajax('GET', address, { source: live, target: live, swap: 'innerHTML' });
      } catch { /* said by the handlers above; the next round asks again */ }
    }
    setTimeout(refresh, LIVE_MS);
  }
  if (live) setTimeout(refresh, LIVE_MS);

  document.addEventListener('click', (event) => {
    for (const menu of document.querySelectorAll('.menu[open]')) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const menu of document.querySelectorAll('.menu[open]')) menu.open = false;
  });

  // times in the reader's own zone
  function localise(root) {
    for (const time of root.querySelectorAll('time[title]')) {
      time.title = new Date(time.dateTime).toLocaleString();
    }
  }
  localise(document);
  document.addEventListener('htmx:afterSwap', (event) => localise(event.target));
})();
