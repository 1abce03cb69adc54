/** Files on their way to the server: checked before, so that nobody waits for a refusal. */

import { ApiError } from '../../../../core/pages/api'
import type { DraftMedia, Kind } from '../../../../core/pages/message'
import type { Session } from './session'

export const LARGEST = 10 * 1024 * 1024 // bytes; the server's own default
export const TAKEN = 'image/jpeg,image/png,image/gif,image/webp,image/bmp,image/heic,audio/amr,audio/mpeg,audio/mp4,audio/ogg,audio/wav,video/mp4,video/quicktime,.pdf,.doc,.docx,.xls,.xlsx,.ppt,.pptx'
const PATIENCE = 120_000 // milliseconds: a phone on a slow network

/** Stores a file. Raises ApiError with a sentence that may be shown. */
export async function upload(session: Session, file: File): Promise<DraftMedia> {
  if (file.size > LARGEST) throw new ApiError(413, 'too_large', '文件太大了，最大 10 MB')
  const call = { method: 'POST' as const, body: file, timeout: PATIENCE }
  const stored = await session.call<{ media_id: string; kind: Kind }>('/api/web/media', call)
  const preview = stored.kind === 'image' ? URL.createObjectURL(file) : null
  return { media_id: stored.media_id, kind: stored.kind, title: titleOf(file, stored.kind), preview }
}

/** Names of pictures say nothing («image.png», «IMG_2031.JPG»). */
const titleOf = (file: File, kind: Kind): string | null => (kind === 'file' ? file.name.slice(-200) || null : null)

/** Pictures in what is pasted or dropped. */
export const filesOf = (data: DataTransfer | null): File[] => Array.from(data?.files ?? [])
