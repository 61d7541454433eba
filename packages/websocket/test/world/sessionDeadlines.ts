/**
 * What must have happened by now: looked at ten times a second.
 */
import type { Book } from "./sessionBook.ts"
import { gateTimeout } from "./sessionCauses.ts"
import type { Chat, Line } from "./sessionModel.ts"

export const every = 100

/** The proxy's own resolution, and one more for those who come after another. */
const late = 50

/** Looks at everything. */
export const look = (book: Book): void => {
  for (const chat of book.chats.values()) {
    if (!chat.listed) continue
    for (const line of chat.lines) moves(book, line)
    if (!book.isClosing(chat)) open(book, chat)
  }
}

const moves = ({ now }: Book, line: Line): void => {
  if (line.state !== "current") return
  const heard = line.wire?.proxy.heard ?? 0
  if (heard > line.heard) line.heardAt = now()
  line.heard = heard
  const progress = `${line.next} ${line.confirmed}`
  const unsent = line.wire?.proxy.unsentBytes ?? 0
  if (progress !== line.progress || unsent < line.unsent || line.way.held === 0) line.movedAt = now()
  line.progress = progress
  line.unsent = unsent
}

const open = (book: Book, chat: Chat): void => {
  const { expect, now, plan } = book
  const row = book.row(chat)!
  const by = (what: string, since: number | undefined, most: number) => {
    const over = since === undefined ? 0 : now() - since - most
    expect(over <= late, () => `${what} of ${chat.id} is ${over} ms late`)
  }
  by("8: the end after the linger", chat.isShared ? undefined : chat.away.client?.since, plan.linger)
  by("11: the end of the budget", plan.mode === "receiver" ? undefined : chat.away.upstream?.since, plan.retryBudget)
  by("11: the end of the wait for the gate", chat.gateSince, gateTimeout)
  const held = chat.up.held + chat.down.held
  const is = [row.clientConnected, row.state, row.bufferedMessages, row.resumes].join()
  const client = chat.down.lines.size > 0
  const state = !client ? "ClientAway" : chat.up.lines.size > 0 ? "Active" : "UpstreamAway"
  const should = [client, state, held, chat.resumes].join()
  expect(is === should, () => `6: the row of ${chat.id} says ${is} instead of ${should}`)
  for (const line of chat.lines) {
    if (line.state !== "current") continue
    line.checkBarrier()
    const full = line.from.held >= plan.bufferMessages || line.from.heldBytes >= plan.bufferBytes
    const asked = line.hop === "upstream" && chat.needsPongs
    expect(!full || line.paused || asked, () => `6: ${line.name} is read, and the buffer is full`)
    const { frozenAt, graceAt, heardAt, paused, resumedAt } = line
    const deaf = frozenAt === undefined || paused ? undefined : Math.max(frozenAt, resumedAt, heardAt, graceAt)
    by(`12: the death of ${line.name}`, deaf, plan.heartbeat + plan.heartbeatTimeout)
    const producer = chat.current(line.hop === "client" ? "upstream" : "client")
    const stands = producer?.paused === true && line.way.held > 0 && line.done < line.way.accepted && chat.gatePassed
    by(
      `11: the end of a stall of ${line.name}`,
      stands ? Math.max(line.movedAt, producer.pausedAt) : undefined,
      plan.stallTimeout * 1.5 + every,
    )
  }
}
