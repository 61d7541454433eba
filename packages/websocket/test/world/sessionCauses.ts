/**
 * Why a session may be over, and what its peers may be told then: the contract's table, held against what was seen.
 */
import type { TransportError } from "../../src/Transport.ts"
import type { CloseInfo } from "../../src/Transport.ts"
import type { Book } from "./sessionBook.ts"
import type { Away, Chat, Line } from "./sessionModel.ts"
import type { Hop } from "./sessionPlan.ts"

/** What the world sets beside the plan. */
export const gateTimeout = 500
export const handshakeTimeout = 400

/** As the contract has it: a client that vanished, an upstream that did, or is about to be replaced. */
export const isLoss = (hop: Hop, { clean, code }: CloseInfo): boolean =>
  clean ? code === 1001 || (hop === "upstream" && [1012, 1013, 1014].includes(code)) : code === 1006

/** Whether the session goes on without it. */
export const waits = ({ draining, plan }: Book, chat: Chat, hop: Hop, end: CloseInfo): boolean => {
  if (hop === "upstream") return plan.mode === "receiver" || (plan.onUpstreamLoss === "reconnect" && isLoss(hop, end))
  return !draining() && (chat.isShared || (plan.mode !== "sender" && isLoss(hop, end)))
}

/** A connection ended while the session was open. */
export const ended = (book: Book, chat: Chat, hop: Hop, end: CloseInfo): void => {
  if (!waits(book, chat, hop, end) || book.draining()) chat.causes.push(`the ${hop} ended`)
}

/** A dial failed. */
export const dialled = (chat: Chat, attempt: Chat["dials"][number], { reason }: TransportError): void => {
  if (reason._tag !== "Refused") return
  attempt.answer = reason.headers["retry-after"] === "1" ? "503 in 1 s" : `${reason.status}`
  if (reason.status === 401 && chat.lines.length > 0) chat.causes.push("upstream refused: 401")
}

/** Somebody there takes nothing. */
export const stalled = ({ now, plan }: Book, chat: Chat, hop: Hop): Away | undefined => {
  for (const line of chat.way(hop).lines) {
    if (now() - line.movedAt < plan.stallTimeout - 110 || line.way.held === 0) continue
    // Somebody near who takes everything at once does not stall, unless nobody reads its Pongs.
    const unheard = plan.uncertain === "replay" && line.paused
    if (!line.troubled && plan[hop].bandwidth === 1e9 && plan[hop].window === 65_536 && !unheard) continue
    chat.causes.push(`the ${hop} stalls`)
    return { since: now(), range: line.uncertain, dials: chat.dials.length, end: undefined }
  }
  return undefined
}

/** It takes more memory than there is. */
export const evicted = ({ now, plan }: Book, chat: Chat, hop: Hop): Away | undefined => {
  const line = plan.memory < 1e6 && chat.closingSince === now() ? chat.current(hop) : undefined
  return line && { since: now(), range: line.uncertain, dials: chat.dials.length, end: undefined }
}

/** Why the session may be over. */
export const causes = (book: Book, chat: Chat): ReadonlyArray<string> => [
  ...chat.causes,
  ...(book.draining() ? ["drain"] : []),
  ...(gone(book, chat) ? ["linger"] : []),
  ...(spent(book, chat) ? ["budget"] : []),
  ...(gateless(book, chat) ? ["gate"] : []),
  ...((stalled(book, chat, "client") ?? stalled(book, chat, "upstream")) ? ["stall"] : []),
  ...(book.plan.memory < 1e6 ? ["memory"] : []),
]

const gone = ({ now, plan }: Book, { away, isShared }: Chat): boolean =>
  !isShared && away.client !== undefined && now() - away.client.since >= plan.linger
const spent = ({ now, plan }: Book, { away, flapsSince }: Chat): boolean =>
  away.upstream !== undefined && now() - (flapsSince ?? Infinity) >= plan.retryBudget
export const gateless = ({ now }: Book, { gateSince }: Chat): boolean =>
  gateSince !== undefined && now() - gateSince >= gateTimeout

/** Whether the proxy may say this to that peer now. */
export const goodbye = (book: Book, line: Line, code: number, reason: string): boolean => {
  const { chat, hop } = line
  const has = (cause: string) => chat.causes.includes(cause)
  const said = `${code} ${reason}`
  switch (said) {
    case "4409 session taken over":
      return hop === "client" && (chat.tokens.length - 1 > line.turn || chat.raced)
    case "4404 session over":
      return hop === "client" && line.state === "new" && book.isClosing(chat)
    case "1012 proxy is shutting down":
      return hop === "client" && book.draining()
    case "1001 proxy is shutting down":
      return hop === "upstream" && book.draining()
    case "1014 no first message from the upstream in time":
      return hop === "client" && book.isClosing(chat) && book.plan.gate !== null
    case "1001 no first message in time":
      return hop === "upstream" && book.isClosing(chat) && book.plan.gate !== null
    case "4413 too slow":
      return has(`the ${hop} stalls`) || (chat.isShared && stalled(book, chat, hop) !== undefined)
    case "1013 the other side is too slow":
      return has(`the ${hop === "client" ? "upstream" : "client"} stalls`)
    case "1013 proxy is out of memory":
      return book.plan.memory < 1e6
    case "1011 upstream chose another subprotocol":
      return hop === "client" && has("another protocol")
    case "1008 upstream refused: 401":
      return hop === "client" && has("upstream refused: 401")
  }
  if (reason.endsWith(" unconfirmed")) return code === 1011 && has(reason)
  return hop === "client" ? fromUpstream(book, chat, said) : fromClient(book, chat, said)
}

const fromUpstream = (book: Book, chat: Chat, said: string): boolean => {
  const end = chat.ends.upstream
  if (end === undefined) return false
  const { clean, code, reason } = end
  if (said === "1014 upstream gone") return code === 1006 || (chat.flapsSince !== undefined && book.isClosing(chat))
  if (!has(chat, "upstream")) return false
  return said === (clean ? `${code} ${reason}` : `${code} upstream broke the protocol: ${reason}`)
}

const fromClient = (book: Book, chat: Chat, said: string): boolean => {
  const end = chat.ends.client
  if (end === undefined) return false
  const { clean, code, reason } = end
  if (said === "1001 client gone") return book.isClosing(chat) && (isLoss("client", end) || book.plan.mode === "sender")
  if (!has(chat, "client")) return false
  return said === (clean ? `${code} ${reason}` : `1001 client broke the protocol: ${reason}`)
}

const has = (chat: Chat, hop: Hop): boolean => chat.causes.includes(`the ${hop} ended`)
