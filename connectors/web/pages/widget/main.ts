/**
 * The script a shop puts on its pages:
 *
 *   <script src="https://kefu.example/widget.js" data-title="在线客服" data-color="#0a7f73" async></script>
 *
 * data-title         the panel's title; default the brand's name
 * data-color         hex colour of the launcher and the chat
 * data-position      right (default) or left
 * data-member-token  who is logged in at the shop; goes to the chat by postMessage, never into an address
 *
 * `window.KefuWidget` then has open(), close() and remove().
 */

import { colour } from '../../../../core/pages/colour'
import { Panel } from './panel'

declare global {
  interface Window {
    KefuWidget?: { open: () => void; close: () => void; remove: () => void }
  }
}

const script = document.currentScript as HTMLScriptElement | null

function begin(from: HTMLScriptElement): void {
  const panel = new Panel({
    address: new URL('/?embed=1', from.src),
    title: from.dataset.title,
    colour: colour(from.dataset.color) ?? undefined,
    memberToken: from.dataset.memberToken,
    left: from.dataset.position === 'left',
  })
  window.KefuWidget = {
    open: () => panel.open(),
    close: () => panel.close(),
    remove: () => {
      panel.remove()
      delete window.KefuWidget
    },
  }
}

// A second copy of the tag on the same page adds nothing.
if (script?.src && !window.KefuWidget) {
  if (document.body) begin(script)
  else document.addEventListener('DOMContentLoaded', () => begin(script), { once: true })
}
