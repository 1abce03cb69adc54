/** Sends drafts one after another, so that they arrive in the order they were written. */

import { ApiError, words } from './api'
import type { Draft, Message } from './message'

export interface OutgoingOptions {
  post: (draft: Draft) => Promise<Message>
  onSent: (draft: Draft, message: Message) => void
  /** `refused`: the server will never take it; else it may be tried again later. */
  onFailed: (draft: Draft, fault: string, refused: boolean) => void
  /** Waits before the second, third, … attempt; then the draft has failed and the writer may retry. */
  pauses?: readonly number[]
  wait?: (milliseconds: number) => Promise<void>
}

/** Every attempt carries the same client_id: an answer that was lost on the way never makes a second message. */
export class Outgoing {
  private readonly queue: Draft[] = []
  private busy = false

  constructor(private readonly options: OutgoingOptions) {}

  send(draft: Draft): void {
    if (this.queue.some((other) => other.client_id === draft.client_id)) return
    this.queue.push(draft)
    if (!this.busy) void this.work()
  }

  private async work(): Promise<void> {
    this.busy = true
    for (let draft = this.queue[0]; draft; draft = this.queue[0]) {
      try {
        this.options.onSent(draft, await this.attempt(draft))
      } catch (error) {
        this.options.onFailed(draft, words(error), error instanceof ApiError && !error.passing)
      }
      this.queue.shift()
    }
    this.busy = false
  }

  private async attempt(draft: Draft): Promise<Message> {
    const wait = this.options.wait ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)))
    for (const pause of this.options.pauses ?? [800, 2500]) {
      try {
        return await this.options.post(draft)
      } catch (error) {
        if (!(error instanceof ApiError) || !error.passing) throw error
        await wait(pause)
      }
    }
    return await this.options.post(draft)
  }
}
