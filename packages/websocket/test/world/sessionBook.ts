/**
 * Stands between the proxy and its network and writes down what crosses: dials, answers, tokens, messages, barriers, ends. And hears
 * the proxy's own reports at the moment they are made, and holds them against what it has seen.
 */
import type { Probe } from "@holdfast/core/Telemetry"
import { Effect } from "effect"
import type { Acceptor, Handlers, Upgrade } from "../../src/Acceptor.ts"
import type { Target } from "../../src/Dialer.ts"
import type { Receipt } from "../../src/Proxy.ts"
import type { CloseInfo, Transport } from "../../src/Transport.ts"
import type { Network } from "./network.ts"
import * as Explain from "./sessionCauses.ts"
import { known } from "./sessionKnown.ts"
import { type Around, Chat, idOf, Line } from "./sessionModel.ts"
import type { Hop, Plan } from "./sessionPlan.ts"

const dialNumber = "x-dial-no"

/** What a resume is to be answered; `undefined`: that depends. */
type Verdict = "accept" | "refuse" | undefined

export class Book implements Around {
  readonly plan: Plan
  readonly network: Network
  readonly wrong: Array<string> = []
  readonly chats = new Map<string, Chat>()
  readonly lines: Array<Line> = []
  readonly receipts: Array<typeof Receipt.Type> = []
  readonly probes = new Map<string, Probe>()
  /** All there ever were. */
  readonly listed: Array<Probe> = []
  /** Clients that wanted to come back, were refused, or let in. */
  wished = 0
  refused = 0
  returned = 0
  draining = () => this.closingSince !== undefined
  closingSince: number | undefined
  #dials = 0

  constructor(plan: Plan, network: Network) {
    this.plan = plan
    this.network = network
  }

  readonly now = (): number => this.network.loop.now()

  readonly expect = (holds: boolean, what: () => string): void => {
    if (!holds && this.wrong.length < 20) this.wrong.push(`@${this.now()} ${what()}`)
  }

  /** A registry for the proxy, and where its sessions are found by id. */
  readonly telemetry = {
    probes: () => this.probes.values(),
    add: (probe: Probe) => {
      const row = probe.row()
      const key = row._tag === "Session" ? row.id : `${row._tag} ${this.listed.length}`
      if (row._tag === "Session") this.chat(row.id).listed = true
      this.listed.push(probe)
      this.probes.set(key, probe)
      return () => void this.probes.delete(key)
    },
  }

  /** The sum of a metric over the labels that are given. */
  measure(name: string, labels: Record<string, string>): number {
    let sum = 0
    for (const { measures = [] } of this.listed) {
      for (const { attributes, name: other, value } of measures) {
        const fits = Object.entries(labels).every(([label, is]) => attributes[label] === is)
        if (other === name && fits) sum += value()
      }
    }
    return sum
  }

  row(chat: Chat) {
    const row = this.probes.get(chat.id)?.row()
    return row?._tag === "Session" ? row : undefined
  }

  /** It has come to its end, or is about to. */
  isClosing(chat: Chat): boolean {
    const row = this.row(chat)
    const closing = row === undefined ? chat.listed : row.state === "Closing"
    if (closing && chat.closingSince === undefined) {
      chat.closingSince = this.now()
      const causes = Explain.causes(this, chat)
      this.expect(causes.length > 0, () => `11: ${chat.id} is over, and there is no reason`)
    }
    return closing
  }

  chat(id: string): Chat {
    const known = this.chats.get(id)
    if (known !== undefined) return known
    const made = new Chat(id, this, this.plan.mode === "receiver" || this.plan.mode === "perConnection")
    this.chats.set(id, made)
    return made
  }

  // ---- the upstream

  readonly dial = (target: Target) =>
    Effect.suspend(() => {
      const id = this.plan.mode === "receiver" ? "shared" : String(target.headers?.["x-connection-id"])
      const chat = this.chat(id)
      const number = ++this.#dials
      const attempt: Chat["dials"][number] = { at: this.now() }
      this.#mayDial(chat)
      chat.dials.push(attempt)
      return this.network.upstream
        .dial({ ...target, headers: { ...target.headers, [dialNumber]: String(number) } })
        .pipe(
          Effect.onExit(() => Effect.sync(() => (attempt.endedAt = this.now()))),
          Effect.tapError((error) => Effect.sync(() => Explain.dialled(chat, attempt, error))),
          Effect.map((transport) => {
            chat.protocol ??= transport.protocol
            if (chat.protocol !== transport.protocol) chat.causes.push("another protocol")
            const accepted = this.network.upstream.connections.find(
              ({ request }) => request.headers[dialNumber] === String(number),
            )!
            const line = new Line("upstream", chat, accepted.wire, 0, this)
            line.peer = accepted.peer
            this.#join(line)
            return this.#watched(line, transport)
          }),
        )
    })

  #mayDial(chat: Chat): void {
    const last = chat.dials.at(-1)
    this.expect(!chat.dials.some(({ endedAt }) => endedAt === undefined), () => `7: two dials at once for ${chat.id}`)
    if (chat.lines.length > 0)
      this.expect(!this.isClosing(chat) || chat.isShared, () => `7: ${chat.id} is over, and dials`)
    if (last === undefined) return
    const final = chat.listed && last.answer === "401" && this.plan.mode !== "receiver"
    this.expect(!final, () => `7: ${chat.id} dials again after a 401`)
    this.expect(this.now() - last.at >= 50, () => `7: ${chat.id} dials again after ${this.now() - last.at} ms`)
    if (last.answer === "503 in 1 s")
      this.expect(
        this.now() - last.endedAt! > 999, // the clock has fractions
        () => `7: ${chat.id} dials ${this.now() - last.endedAt!} ms after a Retry-After of 1 s`,
      )
  }

  #join(line: Line): void {
    line.chat.lines.push(line)
    this.lines.push(line)
  }

  // ---- the clients

  readonly serve =
    (inner: Acceptor["Service"]["serve"]): Acceptor["Service"]["serve"] =>
    <R>(handlers: Handlers<R>) =>
      inner<R>({ ...handlers, upgrade: (it) => handlers.upgrade(this.#upgrade(it)) })

  #upgrade(it: Upgrade): Upgrade {
    const { headers, remote } = it
    const before = this.verdict(headers)
    const known = this.chats.get(headers["x-reconnect-id"] ?? "")
    if (known !== undefined && known.arriving++ > 0) known.raced = true
    const arrived = () => {
      if (known !== undefined) known.arriving--
    }
    const resumes = headers["x-reconnect-id"] !== undefined || headers["x-resume-token"] !== undefined
    if (resumes) this.wished++
    let taken = false
    const answered = (accepts: boolean, status: number, body: string) => {
      if (taken) return // once is enough
      taken = accepts
      if (!accepts && status === 404) this.refused++
      if (accepts && resumes) this.returned++
      if (!resumes || this.draining() || this.plan.mode === "receiver") return
      const verdict = this.verdict(headers)
      const full = this.plan.memory < 1e6 && status === 503
      const what = () => `9: a resume of ${headers["x-reconnect-id"]} is answered ${status} ${body.trim()}`
      if (verdict === before && verdict !== undefined && !full) this.expect(accepts === (verdict === "accept"), what)
      this.expect(accepts || full || (status === 404 && body === "no such session"), what)
    }
    return {
      ...it,
      reject: (status, body, more) =>
        Effect.suspend(() => {
          arrived()
          answered(false, status, typeof body === "string" ? body : "bytes")
          return it.reject(status, body, more)
        }),
      accept: (answer = {}) =>
        Effect.suspend(() => {
          answered(true, 101, "")
          const id = this.plan.mode === "receiver" ? "shared" : String(answer.headers?.["x-connection-id"])
          const chat = this.chat(id)
          const token = answer.headers?.["x-resume-token"]
          const shown = headers["x-resume-token"]
          const turn = chat.isShared ? 0 : chat.tokens.length
          const line = new Line("client", chat, this.#wireOf(remote), turn, this)
          line.onUsed = arrived
          if (typeof token === "string" && !chat.tokens.includes(token)) {
            chat.tokens.push(token)
            chat.shown = shown
          }
          this.#join(line)
          return Effect.map(it.accept(answer), (transport) => this.#watched(line, transport))
        }),
    }
  }

  #wireOf(remote: string) {
    return this.network.wires.client[Number(remote.slice(remote.lastIndexOf(".") + 1)) - 1]
  }

  /** Whether such a client may come back. */
  verdict(headers: Upgrade["headers"]): Verdict {
    const [id, token] = [headers["x-reconnect-id"], headers["x-resume-token"]]
    if (this.plan.mode === "sender") return "refuse"
    for (const chat of this.chats.values()) {
      const turn = chat.tokens.indexOf(token ?? "")
      if (turn < 0) continue
      if (chat.raced && !this.isClosing(chat) && id === chat.id) return undefined
      if (id !== chat.id || turn < chat.settled || this.isClosing(chat)) return "refuse"
      const surely = turn === chat.tokens.length - 1 || token === chat.shown
      // The first client may not have been let in yet.
      return surely && this.row(chat) !== undefined ? "accept" : undefined
    }
    return "refuse"
  }

  // ---- both

  #watched(line: Line, inner: Transport): Transport {
    // One by one: its methods are not its own properties.
    return {
      protocol: inner.protocol,
      headers: inner.headers,
      unsentBytes: () => inner.unsentBytes(),
      heardBytes: () => inner.heardBytes(),
      closed: inner.closed,
      listen: (listener, high) => {
        line.begin()
        inner.listen(
          {
            writable: () => listener.writable(),
            unfinished: (bytes) => listener.unfinished?.(bytes),
            frame: (frame) => {
              this.#settle(line)
              if (line.state === "told") line.from.refuse(frame)
              else if (line.state !== "fenced" && this.#passes(line, frame.bytes())) {
                line.from.accept(frame, readSize(line, this.plan), this.isClosing(line.chat), this.#mayExceed(line))
              }
              listener.frame(frame)
            },
            confirmed: (mark) => {
              line.answered(mark)
              this.#settle(line)
              listener.confirmed?.(mark)
            },
            closed: (end) => {
              this.#ended(line, end)
              listener.closed(end)
            },
          },
          high,
        )
      },
      send: (frame) => {
        line.begin()
        const sent = inner.send(frame)
        if (sent) line.wrote(frame)
        return sent
      },
      barrier: (mark) => {
        line.begin()
        // A Ping behind a backlog: while that moves, its peer may live.
        if (inner.unsentBytes() > 0) line.graceAt = this.now()
        const sent = inner.barrier(mark)
        line.asked(mark, sent)
        return sent
      },
      pause: () => {
        if (!line.paused) line.pausedAt = this.now()
        line.paused = true
        inner.pause()
      },
      resume: () => {
        line.paused = false
        line.resumedAt = this.now()
        inner.resume()
      },
      cut: () => {
        line.cutAt ??= this.now()
        const { bandwidth } = this.plan[line.hop]
        const may =
          line.troubled ||
          bandwidth < 1e9 ||
          line.state !== "current" ||
          this.isClosing(line.chat) ||
          Explain.gateless(this, line.chat)
        this.expect(may, () => `12: ${line.name} is cut, and was well`)
        inner.cut()
      },
      close: (code, reason) => {
        this.#told(line, code, reason)
        return inner.close(code, reason)
      },
    }
  }

  /** Whether more may come of it though the buffer is full. */
  #mayExceed({ chat, hop, state, wire }: Line): boolean {
    const asked = hop === "upstream" && chat.needsPongs
    const cleared =
      this.isClosing(chat) && (this.plan.memory < 1e6 || chat.causes.some((why) => why.endsWith("stalls")))
    return asked || cleared || (known.deathsGiveAway && wire?.proxy.readyState !== 1 && state === "current")
  }

  /** Whether it is a message of the session, and not the gate's. */
  #passes(line: Line, bytes: Uint8Array): boolean {
    if (line.hop === "client" || this.plan.gate === null) return true
    const forwards = this.plan.replayId && this.plan.mode !== "receiver"
    const first = !line.greeted
    line.greeted = true
    if (!line.chat.gatePassed) {
      line.chat.gatePassed = true
      line.chat.gateSince = undefined
      line.chat.gateId = idOf(bytes)
      return forwards
    }
    return !first || idOf(bytes) !== line.chat.gateId || forwards
  }

  #settle(line: Line): void {
    const newest = line.hop === "client" && line.state === "current"
    if (newest) line.chat.settled = Math.max(line.chat.settled, line.turn)
  }

  #ended(line: Line, end: CloseInfo): void {
    const { chat, hop } = line
    const was = line.state
    const silent = line.cutAt !== undefined && was === "current"
    line.end = end
    line.endedAt = this.now()
    const closing = this.isClosing(chat)
    const range = line.uncertain
    line.leave("ended")
    const parted = (closing || was === "told") && was !== "fenced" && !end.clean && range !== null
    if (parted) chat.parted[hop] = { since: this.now(), range, dials: chat.dials.length, end }
    if (was === "fenced" || was === "told") return
    if (hop === "upstream") chat.gateSince = undefined
    // Whatever it had begun to say: it was given up.
    const known = silent ? { ...end, code: 1006, clean: false } : end
    chat.ends[hop] = known
    if (closing) return
    const lost =
      Explain.isLoss(hop, known) || !known.clean || (hop === "upstream" && Explain.waits(this, chat, hop, known))
    const way = chat.way(hop)
    // Where others are, they get what waits, but for what is from before their time.
    const alone = way.lines.size === 0
    const missed = alone ? lost : way.abandoned.length > way.told || (lost && range !== null)
    const stable = this.now() - line.openedAt >= 5000
    if (hop === "upstream" && (stable || chat.flapsSince === undefined)) chat.flapsSince = this.now()
    if (missed) this.#lost(chat, hop, lost ? range : null, known)
    if (!alone) return
    Explain.ended(this, chat, hop, known)
  }

  #lost(chat: Chat, hop: Hop, range: Line["uncertain"], end: CloseInfo | undefined): void {
    chat.away[hop] = { since: this.now(), range, dials: chat.dials.length, end }
    if (this.plan.uncertain === "fail" && range !== null) chat.causes.push(`${range[1] - range[0] + 1} unconfirmed`)
  }

  #told(line: Line, code: number, reason: string): void {
    const { chat } = line
    const was = line.state
    if (was === "fenced" || was === "told" || was === "ended") return
    this.isClosing(chat)
    const range = line.uncertain
    line.told = { code, reason, at: this.now() }
    const why = Explain.goodbye(this, line, code, reason)
    this.expect(why, () => `11: ${line.name} is told ${code} ${reason}, and that is not why`)
    const stays = was === "current" && (code === 4409 || (chat.isShared && !this.isClosing(chat)))
    line.leave(stays ? "fenced" : "told")
    if (stays && code !== 1011 && chat.away[line.hop] === undefined) this.#lost(chat, line.hop, range, undefined)
  }

  /** The proxy reports an outage that is over. */
  receipt(told: typeof Receipt.Type): void {
    this.receipts.push(told)
    const { plan } = this
    const chat = this.chats.get(told.session)
    if (chat === undefined) return this.expect(false, () => `a receipt for ${told.session}, which nobody knows`)
    const { hop } = told
    this.isClosing(chat)
    const way = chat.way(hop)
    const abandoned = way.abandoned.length - way.told
    way.told = way.abandoned.length
    // Put out by the very message that has been taken here, it may not be there yet.
    const least = told.held <= chat.waited[hop] || (told.held <= way.waiting && chat.returned[hop] === undefined)
    this.expect(least && told.lost <= way.waiting + abandoned, () => `4: ${JSON.stringify(told)} of ${way.waiting}`)
    if (told.range !== null) chat.reported[hop].push(told.range)
    const away =
      chat.returned[hop] ??
      chat.away[hop] ??
      chat.parted[hop] ??
      Explain.stalled(this, chat, hop) ??
      Explain.evicted(this, chat, hop)
    if (away === undefined) {
      const plain = !told.back && told.range === null && told.lost > 0
      return this.expect(plain, () => `4: a receipt of ${chat.id} without an outage of ${hop}`)
    }
    if (chat.returned[hop] === undefined) chat.away[hop] = undefined
    chat.returned[hop] = undefined
    chat.parted[hop] = undefined
    const { range } = away
    const replayed = plan.uncertain === "replay" && told.back
    const due = {
      awayMillis: Math.round((away.back?.at ?? this.now()) - away.since),
      uncertain: range === null ? 0 : range[1] - range[0] + 1,
      range,
      outcome: plan.uncertain === "fail" ? "failed" : replayed ? "replayed" : "dropped",
    }
    const { awayMillis, outcome, uncertain } = told
    const [is, should] = [JSON.stringify({ awayMillis, uncertain, range: told.range, outcome }), JSON.stringify(due)]
    this.expect(is === should, () => `4: the receipt of ${chat.id} ${hop} is ${is} instead of ${should}`)
    this.expect(
      told.back || away.back === undefined,
      () => `4: ${chat.id} ${hop} is back, and the receipt says it is not`,
    )
    const dials = hop === "client" ? 0 : (away.back?.dials ?? chat.dials.length) - away.dials
    this.expect(told.dials === dials || told.dials === dials + 1, () => `4: ${told.dials} dials instead of ${dials}`)
  }
}

/** As much as one read may bring to an end. */
const readSize = ({ hop }: Line, plan: Plan): number =>
  Math.max(Math.min(64 * 1024, plan[hop].window), plan[hop].readAhead) + 3000
