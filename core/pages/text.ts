/** Message text in pieces: plain, and addresses that may be followed. Rendering stays with the template, never HTML. */

export interface Piece {
  text: string
  href?: string
}

const ADDRESS = /https?:\/\/[^\s<>"'，。！？、；：（）【】《》“”]+/g

export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const match of text.matchAll(ADDRESS)) {
    const href = match[0].replace(/[.,!?;:)]+$/, '')
    if (match.index > at) found.push({ text: text.slice(at, match.index) })
    found.push({ text: href, href })
    at = match.index + href.length
  }
  if (at < text.length) found.push({ text: text.slice(at) })
  return found
}

/** Letters as a person (and the server) counts them, not UTF-16 units. */
export const lengthOf = (text: string): number => Array.from(text).length

/** Only pictures from the web or from this server; no data:, no javascript:. */
export function pictureAddress(image: string | null): string | null {
  if (!image) return null
  return /^(https?:\/\/|\/(?!\/))/i.test(image) ? image : null
}
