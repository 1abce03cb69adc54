/** Launcher button and chat iframe, in a shadow root so that the shop's styles and ours do not meet. */

import { inkOn } from '../../../../core/pages/colour'
import { keep, recall } from '../../../../core/pages/store'
import { toHost, type ToChat } from '../wire'
import style from './panel.css?inline'

export interface PanelOptions {
  address: URL
  title?: string
  colour?: string
  memberToken?: string
  left?: boolean
}

const ACTIVE = 'kefu.widget.active' // this visit has a chat: load it early, so that the badge can count
const VISITOR = 'kefu.widget.visitor'
const CHAT = 'M5 4.5h14a2.5 2.5 0 0 1 2.5 2.5v8a2.5 2.5 0 0 1-2.5 2.5h-5.5L8.5 21v-3.5H5A2.5 2.5 0 0 1 2.5 15V7A2.5 2.5 0 0 1 5 4.5zM8 11v.1M12 11v.1M16 11v.1'
const CLOSE = 'M6 9.5l6 6 6-6'

export class Panel {
  private readonly root = document.createElement('div')
  private readonly launcher = document.createElement('button')
  private readonly badge = document.createElement('span')
  private readonly path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  private readonly holder = document.createElement('div')
  private frame: HTMLIFrameElement | null = null
  private loaded = false
  private shown = false

  constructor(private readonly options: PanelOptions) {
    const shadow = this.root.attachShadow({ mode: 'open' })
    dress(shadow)
    this.root.dataset.kefu = ''
    if (options.left) this.root.dataset.left = ''
    if (options.colour) {
      this.root.style.setProperty('--kefu', options.colour)
      this.root.style.setProperty('--kefu-ink', inkOn(options.colour))
    }
    this.build(shadow)
    document.body.append(this.root)
    window.addEventListener('message', this.listen)
    document.addEventListener('keydown', this.escape)
    if (recall(ACTIVE, 'sessionStorage')) this.load()
  }

  open(): void {
    if (this.shown) return
    this.shown = true
    keep(ACTIVE, '1', 'sessionStorage')
    this.load()
    this.holder.hidden = false
    this.count(0)
    this.reflect()
    this.frame?.focus()
    this.say({ kefu: 'visible', open: true })
  }

  close(): void {
    if (!this.shown) return
    this.shown = false
    this.holder.hidden = true
    this.reflect()
    this.launcher.focus()
    this.say({ kefu: 'visible', open: false })
  }

  remove(): void {
    window.removeEventListener('message', this.listen)
    document.removeEventListener('keydown', this.escape)
    this.root.remove()
  }

  private get name(): string {
    return this.options.title ?? '在线客服'
  }

  private build(shadow: ShadowRoot): void {
    const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    icon.setAttribute('viewBox', '0 0 24 24')
    icon.setAttribute('aria-hidden', 'true')
    icon.append(this.path)
    this.launcher.type = 'button'
    this.launcher.className = 'launcher'
    this.launcher.append(icon, this.badge)
    this.launcher.addEventListener('click', () => (this.shown ? this.close() : this.open()))
    this.badge.className = 'badge'
    this.badge.hidden = true
    this.holder.className = 'holder'
    this.holder.hidden = true
    shadow.append(this.holder, this.launcher)
    this.reflect()
  }

  /** Not before it is needed: a shop's page carries no cost of a chat that nobody opens. */
  private load(): void {
    if (this.frame) return
    const frame = (this.frame = document.createElement('iframe'))
    frame.src = this.options.address.href
    frame.title = this.name
    frame.allow = 'clipboard-write'
    frame.addEventListener('load', () => {
      this.loaded = true
      const { memberToken, title, colour } = this.options
      this.say({ kefu: 'hello', memberToken, title, colour, visitor: recall(VISITOR) ?? undefined })
      this.say({ kefu: 'visible', open: this.shown })
    })
    this.holder.append(frame)
  }

  private say(message: ToChat): void {
    if (this.loaded) this.frame?.contentWindow?.postMessage(message, this.options.address.origin)
  }

  private readonly listen = (event: MessageEvent): void => {
    if (event.origin !== this.options.address.origin || event.source !== this.frame?.contentWindow) return
    const message = toHost(event.data)
    if (message?.kefu === 'close') this.close()
    else if (message?.kefu === 'keep') keep(VISITOR, message.visitor)
    else if (message?.kefu === 'unread') this.count(message.count)
  }

  private readonly escape = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && this.shown) this.close()
  }

  private count(unread: number): void {
    const shown = this.shown ? 0 : unread
    this.badge.hidden = shown === 0
    this.badge.textContent = shown > 99 ? '99+' : String(shown)
    this.reflect(shown)
  }

  private reflect(unread = 0): void {
    this.path.setAttribute('d', this.shown ? CLOSE : CHAT)
    this.root.toggleAttribute('data-open', this.shown)
    this.launcher.setAttribute('aria-expanded', String(this.shown))
    const label = this.shown ? `关闭${this.name}` : this.name
    this.launcher.setAttribute('aria-label', unread ? `${label}，${unread} 条未读消息` : label)
  }
}

/** A constructed sheet is not an inline style, so a strict policy of the shop's page allows it. */
function dress(shadow: ShadowRoot): void {
  if ('adoptedStyleSheets' in shadow && 'replaceSync' in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(style)
    shadow.adoptedStyleSheets = [sheet]
    return
  }
  const element = document.createElement('style')
  element.textContent = style
  shadow.append(element)
}
