/** A shop's own colour, checked before it reaches a style. */

export const colour = (value: string | null | undefined): string | null =>
  value && /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(value.trim()) ? value.trim() : null

/** Black or white, whichever is easier to read on this colour (WCAG relative luminance). */
export function inkOn(hex: string): '#ffffff' | '#14201e' {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(full.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.36 ? '#14201e' : '#ffffff'
}
