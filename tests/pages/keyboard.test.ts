import { describe, expect, it } from 'vitest'
import { sends } from '../../core/pages/keyboard'

const press = (more: Partial<KeyboardEvent> = {}) =>
  ({ key: 'Enter', isComposing: false, keyCode: 13, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more }) as KeyboardEvent

describe('sends', () => {
  it('with Enter', () => expect(sends(press())).toBe(true))
  it('not with Shift+Enter, which is a new line', () => expect(sends(press({ shiftKey: true }))).toBe(false))
  it('not while an input method composes', () => expect(sends(press({ isComposing: true }))).toBe(false))
  it('not with the Enter that ends composing in Safari', () => expect(sends(press({ keyCode: 229 }))).toBe(false))
  it('not with other keys', () => expect(sends(press({ key: 'a', keyCode: 65 }))).toBe(false))
})
