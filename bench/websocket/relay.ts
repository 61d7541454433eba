/**
 * What a message, a connection and an idle session cost in the proxy, beside bare pipes on `ws` and other proxies. Every proxy is a
 * process on one core; the load and the origin share the other. Run: node --conditions=source bench/websocket/relay.ts [rounds] [case]
 */
import { median, shuffled } from "../kit/rounds.ts"
import { batch } from "./frames.ts"
import { Client, connect, echo, flood, origin } from "./load.ts"
import * as Peers from "./peers.ts"

interface Case {
  readonly name: string
  readonly size: number
  readonly clients: number
  readonly inFlight: number
}

const cases: ReadonlyArray<Case> = [
  { name: "64 B, 16 x 64", size: 64, clients: 16, inFlight: 64 },
  { name: "1 KiB, 16 x 64", size: 1024, clients: 16, inFlight: 64 },
  { name: "16 KiB, 8 x 16", size: 16 * 1024, clients: 8, inFlight: 16 },
  { name: "1 MiB, 4 x 2", size: 1024 * 1024, clients: 4, inFlight: 2 },
  { name: "64 B, 64 x 1", size: 64, clients: 64, inFlight: 1 },
]
const setUp = "set-up"
const idle = "idle"

/** Holdfast, of the peer, may cost so much. */
interface Goal {
  readonly of: string
  readonly to: string
  readonly atMost: number
}

const plain = "holdfast, no bufferutil"
const native = "holdfast"
const bare = "ws pipe, no bufferutil"
const goals: Readonly<Record<string, ReadonlyArray<Goal>>> = {
  "64 B, 16 x 64": [{ of: plain, to: bare, atMost: 0.25 }],
  "1 KiB, 16 x 64": [{ of: plain, to: bare, atMost: 0.45 }],
  "16 KiB, 8 x 16": [
    { of: native, to: bare, atMost: 0.7 },
    { of: plain, to: bare, atMost: 1.1 },
  ],
  "1 MiB, 4 x 2": [
    { of: native, to: bare, atMost: 0.7 },
    { of: plain, to: bare, atMost: 1.1 },
  ],
  "64 B, 64 x 1": [{ of: plain, to: bare, atMost: 1.15 }],
  [setUp]: [{ of: plain, to: bare, atMost: 1.35 }],
  [idle]: [{ of: plain, to: bare, atMost: 1.3 }],
}

const warmUp = 300
const window = 1000
/** Rounds that do not count, for the compilers. */
const warmUps = 2
const connections = 1000
const atOnce = 16
/** Beside as many again, within the limit of 20,000 open files that many systems have. */
const sessions = 4500

interface Sample {
  /** Microseconds of CPU for each, or bytes of memory. */
  readonly cost: number
  readonly perSecond: number
  /** Share of a core that the load took. */
  readonly load: number
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** CPU and wall time of what is done, by how often it was done. */
const measured = async (peer: Peers.Peer, run: () => Promise<number>): Promise<Sample> => {
  const [cpu, own, began] = [Peers.cpu(peer), process.cpuUsage(), performance.now()]
  const count = await run()
  const took = performance.now() - began
  const { system, user } = process.cpuUsage(own)
  return {
    cost: (Peers.cpu(peer) - cpu) / count,
    perSecond: (count * 1000) / took,
    load: (user + system) / 1000 / took,
  }
}

const relay = async (peer: Peers.Peer, { clients: count, inFlight, size }: Case): Promise<Sample> => {
  const clients = await connect(peer.port, count)
  const load = flood(clients, size, inFlight)
  await sleep(warmUp)
  const received = () => clients.reduce((sum, client) => sum + client.received, 0)
  const sample = await measured(peer, async () => {
    const before = received()
    await sleep(window)
    return received() - before
  })
  load.stop()
  for (const client of clients) client.cut()
  await sleep(100)
  return sample
}

const message = batch(64, 1, true)

/** So many come, say one thing and go, a few at a time. */
const visit = async (peer: Peers.Peer, count: number): Promise<void> => {
  let left = count
  const one = async () => {
    while (left-- > 0) {
      const client = new Client(peer.port)
      await client.opened
      await echo(client, message)
      client.close()
      await client.closed
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

const connecting = (peer: Peers.Peer): Promise<Sample> =>
  measured(peer, async () => {
    await visit(peer, connections)
    await sleep(100) // what it still does after the last goodbye
    return connections
  })

/** Sessions that have said one thing, and then nothing for a while. */
const quiet = async (peer: Peers.Peer, count: number): Promise<ReadonlyArray<Client>> => {
  const clients = await connect(peer.port, count)
  await Promise.all(clients.map((client) => echo(client, message)))
  await sleep(1500)
  return clients
}

interface Idle extends Sample {
  /** Of as many sessions more, when there are so many already: what code and the young generation take once is not in it. */
  readonly next: number
  readonly heap: number
}

const idling = async (peer: Peers.Peer): Promise<Idle> => {
  await visit(peer, warmUps * connections) // as before the other rows: what compiled code takes it takes once
  await sleep(500)
  const none = await Peers.memory(peer)
  const clients = [...(await quiet(peer, sessions))]
  const first = await Peers.memory(peer)
  clients.push(...(await quiet(peer, sessions)))
  const next = await Peers.memory(peer)
  for (const client of clients) client.cut()
  const each = (bytes: number) => bytes / sessions / 1024
  return {
    cost: each(first.rss - none.rss),
    next: each(next.rss - first.rss),
    heap: each(next.heap - first.heap),
    perSecond: 0,
    load: 0,
  }
}

type Samples = Map<string, Array<Sample>>

const sampled = async (
  rounds: number,
  names: ReadonlyArray<string>,
  take: (name: string) => Promise<Sample>,
  warm: number,
): Promise<Samples> => {
  const samples: Samples = new Map(names.map((name) => [name, []]))
  for (let round = -warm; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const sample = await take(name)
      if (round >= 0) samples.get(name)!.push(sample)
    }
  }
  return samples
}

const print = (name: string, unit: string, samples: Samples) => {
  console.log(`\n${name}`)
  for (const [peer, of] of samples) {
    const cost = median(of.map((sample) => sample.cost))
    const perSecond = median(of.map((sample) => sample.perSecond))
    const load = median(of.map((sample) => sample.load)) * 100
    const rate = perSecond === 0 ? "" : `, ${perSecond.toFixed(0)}/s, load took ${load.toFixed(0)} % of a core`
    const to = ratio(samples, peer, bare)
    console.log(`  ${peer.padEnd(24)} ${cost.toFixed(2).padStart(9)} ${unit}${rate}, ${to.toFixed(2)} of the bare pipe`)
  }
  for (const { atMost, of, to } of goals[name] ?? []) {
    const found = ratio(samples, of, to)
    console.log(`  ${found <= atMost ? "met" : "MISSED"}: ${of}, of ${to}: ${found.toFixed(2)} (asked: <= ${atMost})`)
  }
}

const ratio = (samples: Samples, of: string, to: string): number =>
  median(samples.get(of)!.map(({ cost }, round) => cost / samples.get(to)![round]!.cost))

const main = async (rounds: number, only: string) => {
  Peers.pin(process.pid, 1)
  const { close, port } = await origin(64)
  const wanted = (name: string) => name.includes(only)
  const makers = new Map<string, () => Promise<Peers.Peer>>([
    [native, () => Peers.start(native, "holdfast", true, port)],
    [plain, () => Peers.start(plain, "holdfast", false, port)],
    [bare, () => Peers.start(bare, "pipe", false, port)],
    ["ws pipe", () => Peers.start("ws pipe", "pipe", true, port)],
    ["ws pipe + cork", () => Peers.start("ws pipe + cork", "cork", true, port)],
    ["http-proxy-3", () => Peers.start("http-proxy-3", "http-proxy-3", true, port)],
  ])
  const peers = new Map<string, Peers.Peer>()
  for (const [name, make] of makers) peers.set(name, await make())
  for (const peer of await Peers.installed(port)) peers.set(peer.name, peer)
  const proxies = [...peers.keys()]
  peers.set("no proxy", { name: "no proxy", port, process: undefined })

  for (const one of cases.filter(({ name }) => wanted(name))) {
    const samples = await sampled(rounds, [...peers.keys()], (name) => relay(peers.get(name)!, one), warmUps)
    print(one.name, "us/round trip", samples)
  }
  if (wanted(setUp))
    print(setUp, "us/connection", await sampled(rounds, proxies, (name) => connecting(peers.get(name)!), warmUps))
  for (const peer of peers.values()) await Peers.stop(peer)
  if (wanted(idle)) {
    const more = new Map<string, Array<Idle>>()
    const fresh = async (name: string) => {
      const peer = await makers.get(name)!()
      const sample = await idling(peer)
      await Peers.stop(peer)
      more.set(name, [...(more.get(name) ?? []), sample])
      return sample
    }
    print(idle, "KiB/session", await sampled(rounds, [plain, bare, "http-proxy-3"], fresh, 0))
    for (const [name, all] of more) {
      const [next, heap] = [median(all.map((one) => one.next)), median(all.map((one) => one.heap))]
      const to = median(all.map((one, round) => one.next / more.get(bare)![round]!.next))
      console.log(
        `  ${name}: the next ${next.toFixed(1)} KiB each, ${to.toFixed(2)} of the bare pipe; heap ${heap.toFixed(1)} KiB`,
      )
    }
  }
  close()
}

const [rounds = "7", only = ""] = process.argv.slice(2)
await main(Number(rounds), only)
process.exit(0)
