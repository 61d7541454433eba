/**
 * Who plays: clients with their own memory of tokens, the upstream's applications, and the network, as a plan wants it.
 */
import { Effect, FiberSet, type Scope } from "effect"
import type { Network } from "./network.ts"
import type { Peer } from "./peer.ts"
import type { Book } from "./sessionBook.ts"
import type { Chat, Line } from "./sessionModel.ts"
import type { Deed, Hop, Plan, Reply } from "./sessionPlan.ts"
import type { Reply as Answer } from "./upstream.ts"

/** A client application: it knows what it was told, no more. */
export interface User {
  readonly name: string
  chat: Chat | undefined
  peer: Peer | undefined
  readonly tokens: Array<string>
  /** The n-th of its sessions. */
  nth: number
  /** Comes back by itself. */
  readonly comeback: number | null
}

export class Stage {
  readonly book: Book
  readonly plan: Plan
  readonly network: Network
  readonly wild: User
  readonly quiet: User = { name: "quiet", chat: undefined, peer: undefined, tokens: [], nth: 0, comeback: null }
  readonly #run: (effect: Effect.Effect<unknown>) => unknown
  readonly #replies: Array<Reply> = []
  #said = 0
  /** No more tricks. */
  healing = false

  constructor(book: Book, run: (effect: Effect.Effect<unknown>) => unknown) {
    this.book = book
    this.plan = book.plan
    this.network = book.network
    this.#run = run
    this.wild = { ...this.quiet, name: "wild", tokens: [], comeback: book.plan.comeback }
    const { upstream } = this.network
    upstream.reply = (_, { headers }) => this.#reply(String(headers["x-connection-id"]))
    upstream.behave = ({ peer, request }) => {
      const { gate } = this.plan
      if (gate === null) return
      // Not a word of its own per connection: some greet every one alike.
      const say = () => peer.isOpen && peer.send(`gate ${String(request.headers["x-connection-id"])}.`)
      if (gate === 0) say()
      else this.network.loop.after(gate, say)
    }
  }

  #reply(id: string): Answer {
    const reply = id.startsWith("wild") || this.plan.mode === "receiver" ? this.#replies.shift() : undefined
    switch (reply) {
      case undefined:
        return { _tag: "Accept" }
      case "slow":
        return { _tag: "Accept", after: 150 }
      case "refused":
        return { _tag: "Unreachable", after: 20 }
      case "401":
        return { _tag: "Answer", status: 401 }
      case "503":
        return { _tag: "Answer", status: 503, after: 60 }
      case "503 in 1 s":
        return { _tag: "Answer", status: 503, headers: { "retry-after": "1" }, after: 60 }
      case "silence":
        return { _tag: "Silence" }
      case "another protocol":
        return { _tag: "Accept", protocol: this.plan.protocols ? "b" : "" }
    }
  }

  /** A new session. */
  readonly enter = (user: User): Effect.Effect<void> =>
    Effect.suspend(() => {
      user.chat = undefined
      user.peer = undefined
      user.tokens.length = 0
      const id = `${user.name}${++user.nth}`
      return this.#dial(user, { "x-connection-id": id }, id)
    })

  /** Into its session again, with the best it has. */
  readonly comeBack = (user: User): Effect.Effect<void> =>
    Effect.suspend(() => {
      const token = user.tokens.at(-1)
      if (user.chat === undefined || token === undefined) return this.enter(user)
      return this.#dial(user, { "x-reconnect-id": user.chat.id, "x-resume-token": token }, user.chat.id)
    })

  #dial(user: User, headers: Record<string, string>, id: string): Effect.Effect<void> {
    const { book, network, plan } = this
    const replay = plan.replayId ? { "x-replay-id": "1" } : {}
    const protocols = plan.protocols ? ["a", "b"] : []
    return Effect.map(network.dial({ headers: { ...headers, ...replay }, protocols }), (answer) => {
      if (answer._tag !== "Open") {
        if (answer._tag === "Refused" && answer.status === 404 && user.chat?.id === id) user.chat = undefined
        return
      }
      const { peer } = answer
      const token = peer.headers["x-resume-token"]
      user.chat = book.chats.get(plan.mode === "receiver" ? "shared" : String(peer.headers["x-connection-id"]))
      user.peer = peer
      if (typeof token === "string") user.tokens.push(token)
      for (const line of user.chat?.lines ?? []) if (line.wire === peer.wire) line.peer = peer
      const left = () => {
        if (user.peer === peer && user.comeback !== null && !this.healing) {
          this.#run(Effect.delay(this.comeBack(user), user.comeback))
        }
      }
      if (peer.ended === undefined) peer.onClose = left
      else left()
    })
  }

  /** The connection of that hop that its application believes in. */
  line(user: User, hop: Hop): Line | undefined {
    const { chat } = user
    if (chat === undefined) return undefined
    if (hop === "client") return chat.lines.findLast((line) => line.peer !== undefined && line.peer === user.peer)
    return chat.lines.findLast((line) => line.hop === "upstream")
  }

  say(user: User, by: Hop, count: number, size: number): ReadonlyArray<string> {
    const peer = this.line(user, by)?.peer
    const said: Array<string> = []
    if (peer?.isOpen !== true) return said
    for (let i = 0; i < count; i++) {
      const id = `${by} ${++this.#said}`
      const data = Buffer.alloc(Math.max(size, 16), 46)
      data.write(id)
      peer.send(data)
      said.push(id)
    }
    return said
  }

  readonly act = (deed: Deed): void => {
    const { wild } = this
    const hop =
      deed._tag === "Replies"
        ? "upstream"
        : "hop" in deed
          ? deed.hop
          : "by" in deed && deed._tag !== "Say"
            ? deed.by
            : undefined
    for (const line of this.book.lines) if (line.hop === hop && line.chat === wild.chat) line.troubled = true
    switch (deed._tag) {
      case "Say":
        return void this.say(wild, deed.by, deed.count, deed.size)
      case "Cut":
        return this.line(wild, deed.hop)?.wire?.cut(deed)
      case "Freeze": {
        const line = this.line(wild, deed.hop)
        line?.wire?.freeze(deed.way === "both" ? undefined : deed.way)
        if (line !== undefined) line.frozenAt ??= this.book.now()
        return
      }
      case "Stall":
        return this.line(wild, deed.hop)?.wire?.stall(deed.way === "both" ? undefined : deed.way)
      case "Thaw":
        return this.line(wild, deed.hop)?.wire?.thaw()
      case "Slow":
        return this.line(wild, deed.hop)?.peer?.pause()
      case "Read":
        return this.line(wild, deed.hop)?.peer?.resume()
      case "Close": {
        const peer = this.line(wild, deed.by)?.peer
        if (deed.code === 1006) return peer?.terminate()
        return deed.code === 1005 ? peer?.close() : peer?.close(deed.code, `${deed.by} says ${deed.code}`)
      }
      case "Flood": {
        const peer = this.line(wild, deed.by)?.peer
        for (let i = 0; i < deed.count; i++) if (peer?.isOpen === true) peer.ping()
        return
      }
      case "Garbage":
        return this.line(wild, deed.by)?.peer?.garbage()
      case "Server":
        return deed.up ? this.network.upstream.up() : this.network.upstream.down()
      case "Replies":
        this.#replies.push(...deed.replies)
        return this.line(wild, "upstream")?.wire?.cut()
      case "Fresh":
        return void this.#run(this.enter(wild))
      case "Back":
        return this.#back(deed)
      case "Shutdown":
        return
    }
  }

  #back({ id, times, token }: Extract<Deed, { readonly _tag: "Back" }>): void {
    const { quiet, wild } = this
    const { chat, tokens } = wild
    const shown = {
      right: tokens.at(-1),
      previous: tokens.at(-2),
      oldest: tokens[0],
      wrong: "A".repeat(43),
      malformed: " ",
      "another's": quiet.tokens.at(-1),
    }[token]
    if (chat === undefined || (token === "right" && shown === undefined)) return void this.#run(this.enter(wild))
    const headers = {
      "x-reconnect-id": id === "right" ? chat.id : "wild0",
      ...(shown === undefined ? {} : { "x-resume-token": shown }),
    }
    for (let i = 0; i < times; i++) this.#run(this.#dial(wild, headers, "")) // a wrong one does not tell that it is over
  }

  /** No more faults; what is broken stays broken. */
  heal(): void {
    this.healing = true
    this.#replies.length = 0
    this.network.upstream.up()
    for (const wire of [...this.network.wires.client, ...this.network.wires.upstream]) wire.thaw()
    for (const { peer } of this.book.lines) peer?.resume()
  }
}

/** Runs what takes time until the scope closes. */
export const make = (book: Book): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.map(FiberSet.makeRuntime<never, void>(), (run) => new Stage(book, (it) => run(Effect.asVoid(it))))
