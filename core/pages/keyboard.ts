/** Keys of a text field in which Chinese is written. */

type Press = Pick<KeyboardEvent, 'key' | 'isComposing' | 'keyCode' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey'>

/** An input method is choosing characters: the key belongs to it. 229 is what Safari gives with the last Enter. */
export const composing = (event: Press): boolean => event.isComposing || event.keyCode === 229

/** Enter sends, Shift+Enter is a new line, Enter while composing only takes the candidate. */
export const sends = (event: Press): boolean =>
  event.key === 'Enter' && !composing(event) && !event.shiftKey && !event.altKey

/** Whether a key is typed into a field, where one-letter shortcuts must not act. */
export function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null
  return !!element?.closest?.('input, textarea, select, [contenteditable="true"], dialog')
}
