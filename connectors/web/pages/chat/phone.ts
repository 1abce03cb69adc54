/** A phone number proved by a code: ask for one, enter it. */

import { getCurrentScope, onScopeDispose, ref } from 'vue'
import { words } from '../../../../core/pages/api'

const AGAIN_SECONDS = 60
const PHONE = /^1[3-9]\d{9}$/
const CODE = /^\d{6}$/

export interface Proving {
  ask: (phone: string) => Promise<void>
  verify: (phone: string, code: string) => Promise<void>
}

/** People write 138 1234 5678, and input methods write full-width digits. */
export const digitsOf = (text: string): string =>
  text.replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0)).replace(/[\s-]/g, '')

export function usePhoneProof(server: Proving) {
  const phone = ref('')
  const code = ref('')
  const asked = ref(false) // a code is on its way
  const wait = ref(0) // seconds until another one may be asked for
  const busy = ref(false)
  const fault = ref<string | null>(null)
  const done = ref(false)
  let timer = 0

  async function attempt(what: () => Promise<void>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    fault.value = null
    try {
      await what()
      return true
    } catch (error) {
      fault.value = words(error)
      return false
    } finally {
      busy.value = false
    }
  }

  async function ask(): Promise<void> {
    phone.value = digitsOf(phone.value)
    if (!PHONE.test(phone.value)) {
      fault.value = '请输入 11 位手机号'
      return
    }
    if (!(await attempt(() => server.ask(phone.value)))) return
    asked.value = true
    code.value = ''
    wait.value = AGAIN_SECONDS
    window.clearInterval(timer)
    timer = window.setInterval(() => {
      wait.value -= 1
      if (wait.value <= 0) window.clearInterval(timer)
    }, 1000)
  }

  async function prove(): Promise<void> {
    code.value = digitsOf(code.value)
    if (!CODE.test(code.value)) {
      fault.value = '请输入 6 位数字验证码'
      return
    }
    done.value = await attempt(() => server.verify(phone.value, code.value))
  }

  /** For somebody else at the same page. */
  function forget(): void {
    window.clearInterval(timer)
    phone.value = code.value = ''
    asked.value = done.value = false
    wait.value = 0
    fault.value = null
  }

  if (getCurrentScope()) onScopeDispose(() => window.clearInterval(timer))
  return { phone, code, asked, wait, busy, fault, done, ask, prove, forget }
}

export type PhoneProof = ReturnType<typeof usePhoneProof>
