/** The chat inside a shop's page: talks to the widget script of the embedding page, and to nobody else. */

import { toChat, type ToChat, type ToHost } from '../wire'

export type Hello = Extract<ToChat, { kefu: 'hello' }>

export class Host {
  readonly embedded = window.parent !== window && new URLSearchParams(location.search).has('embed')
  /** Set by the first hello; later messages are accepted from and sent to this origin only. */
  private origin: string | null = null

  constructor(private readonly onVisible: (open: boolean) => void) {}

  /** The host's greeting, or null when the page stands alone or the host stays silent. */
  hello(patience = 3000): Promise<Hello | null> {
    if (!this.embedded) return Promise.resolve(null)
    return new Promise((resolve) => {
      const timer = window.setTimeout(() => resolve(null), patience)
      window.addEventListener('message', (event) => {
        if (event.source !== window.parent || (this.origin !== null && event.origin !== this.origin)) return
        const said = toChat(event.data)
        if (said?.kefu === 'hello') {
          this.origin = event.origin
          window.clearTimeout(timer)
          resolve(said)
        } else if (said?.kefu === 'visible') this.onVisible(said.open)
      })
    })
  }

  tell(message: ToHost): void {
    if (this.origin === null) return
    // A sandboxed or local page has no origin that could be named. It may hear of counts, but keeps no token.
    const nameless = this.origin === 'null'
    if (!nameless || message.kefu !== 'keep') window.parent.postMessage(message, nameless ? '*' : this.origin)
  }
}
