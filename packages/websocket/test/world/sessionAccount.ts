/**
 * The books at the end of a story: every message of every session has a fate, and the counters say the same.
 */
import type { Book } from "./sessionBook.ts"
import { idOf, type Chat, type Line, type Way } from "./sessionModel.ts"

/** When the proxy is closed. */
export const final = (book: Book): void => {
  for (const chat of book.chats.values()) {
    const got = new Map(chat.lines.map((line) => [line, gotBy(book, line)]))
    for (const way of [chat.up, chat.down]) fates(book, chat, way, got)
    for (const way of [chat.up, chat.down]) {
      const told = book.receipts.filter(({ hop, session }) => session === chat.id && hop === way.to)
      const lost = told.reduce((sum, { lost }) => sum + lost, 0)
      const unsent = way.accepted - way.sent.size
      book.expect(lost <= unsent, () => `4: ${chat.id} tells of ${lost} lost messages to the ${way.to}, of ${unsent}`)
    }
    if (chat.id.startsWith("quiet")) untouched(book, chat)
    for (const line of chat.lines) {
      if (line.start === 0) continue // it came too late to be used
      const last = got.get(line)!.at(-1) ?? line.start - 1
      book.expect(line.confirmed <= last, () => `3: ${line.name} has confirmed ${line.confirmed}, and has got ${last}`)
      book.expect(line.state === "ended", () => `8: ${line.name} is still ${line.state}`)
    }
  }
  counters(book)
}

/** What its library has received, in order. */
const gotBy = (book: Book, line: Line): ReadonlyArray<number> => {
  const got: Array<number> = []
  for (const { data } of line.peer?.received ?? []) {
    const due = got.length === 0 ? line.start : got.at(-1)! + 1
    const seq = line.way.numberOf(idOf(data), due)
    if (seq === undefined) continue
    book.expect(seq === due, () => `1: ${line.name} gets ${seq} where ${due} belongs`)
    got.push(seq)
  }
  return got
}

const fates = (book: Book, chat: Chat, way: Way, got: ReadonlyMap<Line, ReadonlyArray<number>>): void => {
  const { expect, plan } = book
  const lines = chat.lines.filter(({ hop }) => hop === way.to)
  const reported = (seq: number) => chat.reported[way.to].some(([first, last]) => first <= seq && seq <= last)
  if (plan.uncertain !== "replay" && !chat.isShared) {
    const ranges = [...chat.reported[way.to]].sort(([one], [other]) => one - other)
    const twice = ranges.some(([first], at) => at > 0 && first <= ranges[at - 1]![1])
    expect(!twice, () => `4: messages of ${chat.id} to the ${way.to} are told of twice: ${JSON.stringify(ranges)}`)
  }
  const times = Array.from({ length: way.accepted + 1 }, () => 0)
  for (const line of lines) for (const seq of got.get(line)!) times[seq]!++
  for (let seq = 1; seq <= way.accepted; seq++) {
    if (!chat.isShared && times[seq]! > 1) {
      const may = plan.uncertain === "replay" && reported(seq)
      expect(may, () => `2: ${seq} of ${chat.id} arrives ${times[seq]} times at the ${way.to}`)
    }
    if (times[seq] === 0 && way.sent.has(seq) && !reported(seq)) {
      // Who said goodbye has read what it wanted to.
      const parted = lines.some(({ end, next, start }) => start <= seq && seq < next && end?.clean === true)
      expect(parted, () => `3: ${seq} of ${chat.id} does not arrive at the ${way.to}, and nobody says so`)
    }
  }
}

/** Other people's trouble is none of its. */
const untouched = (book: Book, chat: Chat): void => {
  const { expect, plan, receipts } = book
  if (plan.memory < 1e6 || chat.isShared) return
  if (plan.gate !== null && (!chat.gatePassed || plan.deeds.some(({ deed }) => deed._tag === "Shutdown"))) return
  expect(
    chat.lines.length === 2 || book.chats.size < 2,
    () => `9: the quiet session has had ${chat.lines.length} connections`,
  )
  expect(!receipts.some(({ session }) => session === chat.id), () => "9: a receipt of the quiet session")
  for (const way of [chat.up, chat.down]) {
    // What comes when it has been told goodbye has nowhere to go.
    const due = way.acceptedAt.filter((at) => at > 0 && at < (book.closingSince ?? Infinity)).length
    expect(way.sent.size >= due, () => `9: ${way.waiting} messages of the quiet session to the ${way.to} are lost`)
  }
}

const counters = (book: Book): void => {
  const { expect } = book
  const is = (name: string, labels: Record<string, string>, due: number) => {
    const value = book.measure(name, labels)
    expect(value === due, () => `10: ${name} ${Object.values(labels).join()} is ${value} instead of ${due}`)
  }
  const sum = (of: (chat: Chat) => number) => [...book.chats.values()].reduce((total, chat) => total + of(chat), 0)
  for (const direction of ["up", "down"] as const) {
    is(
      "holdfast_messages_total",
      { direction, outcome: "sent" },
      sum((chat) => chat[direction].sent.size),
    )
    is(
      "holdfast_messages_total",
      { direction, outcome: "lost" },
      sum((chat) => chat[direction].accepted + chat[direction].refused - chat[direction].sent.size),
    )
    is(
      "holdfast_bytes_total",
      { direction },
      sum((chat) => chat[direction].bytes),
    )
    is("holdfast_buffer_messages", { direction }, 0)
    is("holdfast_buffer_bytes", { direction }, 0)
    const hop = direction === "up" ? "upstream" : "client"
    for (const outcome of ["dropped", "replayed", "failed"] as const) {
      const told = book.receipts.filter((it) => it.hop === hop && it.outcome === outcome)
      const due = told.reduce((total, { uncertain }) => total + uncertain, 0)
      is("holdfast_messages_uncertain_total", { direction, outcome }, due)
    }
    is("holdfast_open_connections", { hop }, 0)
  }
  is(
    "holdfast_session_resume_total",
    { result: "resumed" },
    sum(({ resumes }) => resumes),
  )
  // Who leaves before the answer may have been counted.
  const refused = book.measure("holdfast_session_resume_total", { result: "refused" })
  const may = refused >= book.refused && refused <= book.wished - book.returned
  expect(may, () => `10: ${refused} resumes were refused, and not ${book.refused}`)
  expect(book.probes.size === 0, () => `8: ${[...book.probes.keys()].join()} are still listed`)
}
