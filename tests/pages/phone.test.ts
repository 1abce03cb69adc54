import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { digitsOf, usePhoneProof } from '../../connectors/web/pages/chat/phone'
import { ApiError } from '../../core/pages/api'

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('window', globalThis)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const server = () => ({ ask: vi.fn(async () => undefined), verify: vi.fn(async () => undefined) })

describe('digitsOf', () => {
  it('reads numbers as people write them', () => {
    expect(digitsOf(' 138 1234-5678')).toBe('13812345678')
    expect(digitsOf('１３８１２３４５６７８')).toBe('13812345678')
  })
})

describe('usePhoneProof', () => {
  it('asks for a code, lets nobody ask again at once, and proves the number', async () => {
    const said = server()
    const proof = usePhoneProof(said)
    proof.phone.value = '138 1234 5678'
    await proof.ask()
    expect(said.ask).toHaveBeenCalledExactlyOnceWith('13812345678')
    expect([proof.asked.value, proof.wait.value]).toEqual([true, 60])
    vi.advanceTimersByTime(60_000)
    expect(proof.wait.value).toBe(0)

    proof.code.value = ' 123456'
    await proof.prove()
    expect(said.verify).toHaveBeenCalledExactlyOnceWith('13812345678', '123456')
    expect(proof.done.value).toBe(true)
  })

  it('says what is wrong before it asks the server', async () => {
    const said = server()
    const proof = usePhoneProof(said)
    proof.phone.value = '12345'
    await proof.ask()
    expect(proof.fault.value).toBe('请输入 11 位手机号')
    proof.code.value = '12a456'
    await proof.prove()
    expect(proof.fault.value).toBe('请输入 6 位数字验证码')
    expect([said.ask.mock.calls, said.verify.mock.calls, proof.done.value]).toEqual([[], [], false])
  })

  it('tells the server’s words and lets a wrong code be mended', async () => {
    const said = server()
    said.verify.mockRejectedValueOnce(new ApiError(422, 'invalid_input', '验证码不对,或已过期'))
    const proof = usePhoneProof(said)
    proof.phone.value = '13812345678'
    await proof.ask()
    proof.code.value = '000000'
    await proof.prove()
    expect([proof.fault.value, proof.done.value]).toEqual(['验证码不对,或已过期', false])
    proof.code.value = '123456'
    await proof.prove()
    expect([proof.fault.value, proof.done.value]).toEqual([null, true])
  })

  it('waits for nothing after a code that could not be sent', async () => {
    const said = server()
    said.ask.mockRejectedValueOnce(new ApiError(503, 'unavailable', '短信暂时发不出去,请稍后再试'))
    const proof = usePhoneProof(said)
    proof.phone.value = '13812345678'
    await proof.ask()
    expect([proof.asked.value, proof.wait.value, proof.fault.value]).toEqual([false, 0, '短信暂时发不出去,请稍后再试'])
  })
})
