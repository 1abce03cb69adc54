/** What came with a message, as it is shown: only addresses that may be followed, and a name for everything. */

import type { Attachment, Kind, Message } from './message'
import { pictureAddress } from './text'

export interface Shown {
  kind: Kind
  /** Where it is, or null: then only its name is shown. */
  address: string | null
  title: string
}

const NAMES: Record<Kind, string> = { image: '图片', voice: '语音', video: '视频', file: '文件', location: '位置', link: '链接' }

/** Attachments of a message; its `image` (what a bot shows) is one more. */
export function attachmentsOf(message: Pick<Message, 'attachments' | 'image'>): Shown[] {
  const shown = (message.attachments ?? []).map(shownOf)
  return message.image ? [{ kind: 'image', address: pictureAddress(message.image), title: NAMES.image }, ...shown] : shown
}

/** For one line of a list: `[图片] 屏幕碎了`. */
export function inWords(message: Pick<Message, 'attachments' | 'text'>): string {
  const named = (message.attachments ?? []).map(({ kind, title }) => `[${title ? `${NAMES[kind]}：${title}` : NAMES[kind]}]`)
  return [...named, message.text].filter(Boolean).join(' ')
}

function shownOf(one: Attachment): Shown {
  const title = one.title?.trim() || NAMES[one.kind]
  return { kind: one.kind, title, address: one.kind === 'location' ? mapAddress(one, title) : safe(one.url) }
}

/** `blob:` is a picture of this page that is still on its way. */
const safe = (url: string | null): string | null => (url?.startsWith('blob:') ? url : pictureAddress(url))

function mapAddress({ position }: Attachment, title: string): string | null {
  if (!position) return null
  const [latitude, longitude] = position
  // GCJ-02, as WeChat gives it.
  const asked = new URLSearchParams({ position: `${longitude},${latitude}`, name: title, coordinate: 'gaode' })
  return `https://uri.amap.com/marker?${asked}`
}
