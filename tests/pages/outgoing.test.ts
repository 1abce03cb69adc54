import { describe, expect, it, vi } from 'vitest'
import { ApiError } from '../../core/pages/api'
import { draft, type Draft, type Message } from '../../core/pages/message'
import { Outgoing } from '../../core/pages/outgoing'
import { message } from './made'

const lost = new ApiError(0, 'network', '网络连接不上')
const refused = new ApiError(422, 'invalid_input', '消息太长')

function sender(answers: (ApiError | 'ok')[]) {
  const posted: Draft[] = []
  const sent: string[] = []
  const failed: [string, string, boolean][] = []
  const waited: number[] = []
  const outgoing = new Outgoing({
    post: (one): Promise<Message> => {
      posted.push(one)
      const answer = answers[posted.length - 1] ?? 'ok'
      return answer === 'ok' ? Promise.resolve(message(posted.length, 'customer')) : Promise.reject(answer)
    },
    onSent: (one) => sent.push(one.text),
    onFailed: (one, fault, refused) => failed.push([one.text, fault, refused]),
    wait: (ms) => (waited.push(ms), Promise.resolve()),
  })
  return { outgoing, posted, sent, failed, waited }
}

describe('Outgoing', () => {
  it('repeats a lost request under the same client_id', async () => {
    const { outgoing, posted, sent, waited } = sender([lost, new ApiError(503, 'unavailable', ''), 'ok'])
    outgoing.send(draft('在吗'))
    await vi.waitFor(() => expect(sent).toEqual(['在吗']))
    expect(new Set(posted.map((one) => one.client_id)).size).toBe(1)
    expect(waited).toHaveLength(2)
  })

  it('fails after the last attempt and can be sent again as the same message', async () => {
    const { outgoing, posted, sent, failed } = sender([lost, lost, lost, 'ok'])
    const one = draft('在吗')
    outgoing.send(one)
    await vi.waitFor(() => expect(failed).toEqual([['在吗', '网络连接不上', false]]))
    outgoing.send(one)
    await vi.waitFor(() => expect(sent).toEqual(['在吗']))
    expect(posted.every((each) => each.client_id === one.client_id)).toBe(true)
  })

  it('does not repeat what the server refuses', async () => {
    const { outgoing, posted, failed } = sender([refused])
    outgoing.send(draft('长'))
    await vi.waitFor(() => expect(failed).toEqual([['长', '消息太长', true]]))
    expect(posted).toHaveLength(1)
  })

  it('keeps the order, and goes on behind a failure', async () => {
    const { outgoing, posted, sent } = sender([lost, 'ok', refused, 'ok'])
    for (const text of ['一', '二', '三']) outgoing.send(draft(text))
    await vi.waitFor(() => expect(sent).toEqual(['一', '三']))
    expect(posted.map((one) => one.text)).toEqual(['一', '一', '二', '三'])
  })

  it('ignores a second press while the message is on its way', async () => {
    const { outgoing, posted, sent } = sender(['ok'])
    const one = draft('在吗')
    outgoing.send(one)
    outgoing.send(one)
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    expect(posted).toHaveLength(1)
  })
})
