/**
 * What becomes of sessions, messages and memory when something is lost, in sentences. Every sentence must be true of what
 * `@holdfast/websocket` does, in the mode at hand, so it changes together with that.
 */
import type { Resolved } from "./resolve.ts"
import { lines, many, type Sentence, size, sourcesOf, time } from "./sentences.ts"
import type * as Tables from "./tables.ts"

type Settings = Resolved<typeof Tables.proxy>

/** All of it. */
export const explainSessions = (settings: Settings): string =>
  lines(
    ...clients(settings),
    ...upstreams(settings),
    ...gate(settings),
    ...uncertain(settings),
    ...limits(settings),
    ...compat(settings),
  )

const isShared = ({ values }: Settings): boolean => values.mode === "receiver" && !values["per-connection"]

/** Who is joined to what, after "Clients of ... are joined to ...". */
export const joined = (settings: Settings): string => {
  const from = sourcesOf(settings)
  if (settings.values.mode !== "receiver") return "each over a connection of its own"
  return isShared(settings)
    ? `all over one connection${from("mode")}`
    : `over one connection per x-connection-id${from("per-connection")}`
}

const clients = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  const from = sourcesOf(settings)
  const buffers =
    `Up to ${size(values["buffer-bytes"])}${from("buffer-bytes")} or ` +
    `${many(values["buffer-messages"], "message", "messages")}${from("buffer-messages")} wait per direction.`
  const full =
    "Both may be exceeded by one message or one read of 64 KiB. Then nothing is thrown away: who sends that way is not read any more, " +
    "and feels it"
  const resume =
    "It comes back with the x-connection-id and the x-resume-token of its last 101, as x-reconnect-id and x-resume-token, and with " +
    "the same Authorization and Origin; then what waited is delivered in order. Whatever is wrong about these is the same 404; more " +
    "than 10 of them a second from one address, or 50 at once, are 429."
  const goodbye =
    "The upstream is told the close code of a client that says goodbye, and 1001 when it breaks the protocol"
  switch (values.mode) {
    case "session":
      return [
        `A client may vanish for ${time(values.linger)}${from("linger")}. ${buffers}`,
        `${full}; while its client is away the upstream waits until that time is over.`,
        values.compat === "off" && resume,
        "The newest connection of a session wins: the one before is closed with 4409.",
        values.compat === "off" &&
          "Only who vanishes, falls silent or closes with 1001 is waited for; any other goodbye ends the session. " +
            `${goodbye}, or when nobody came back.`,
      ]
    case "sender":
      return [
        `A client that vanishes cannot come back${from("mode")}: its upstream is told 1001. ${buffers}`,
        `${full}.`,
        `${goodbye}.`,
      ]
    case "receiver":
      return [
        `Clients come and go${from("mode")}, and the upstream stays. ${buffers}`,
        `${full}; with no client there the upstream waits, for ever if it must.`,
        "What nobody was there for goes once to the first client that comes, live messages go to all; any client may send.",
        values["per-connection"] &&
          (values["trust-connection-id"]
            ? `Anybody who knows an x-connection-id may join its upstream${from("trust-connection-id")}.`
            : "Who joins an x-connection-id that is in use must show its x-resume-token; else it gets 404."),
      ]
  }
}

const upstreams = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  const from = sourcesOf(settings)
  const { max, min } = values.backoff
  const pauses = `with pauses of random length, up to ${time(min)} at first and ${time(max)} at last${from("backoff")}`
  if (isShared(settings)) {
    return [`The upstream is dialled again for ever, however it ended, ${pauses}; messages for it wait.`]
  }
  if (values["on-upstream-loss"] === "close") {
    return [
      `An upstream that ends, ends its session at once${from("on-upstream-loss")}: the client is told its close code, or 1014 when it vanished.`,
    ]
  }
  const others =
    "With any other code it ends the session: the client is told that code, or gets 404 when it comes back later."
  return [
    "An upstream that vanishes, falls silent or closes with 1001, 1012, 1013 or 1014 is dialled again for " +
      `${time(values["upstream-retry-budget"])}${from("upstream-retry-budget")}, ${pauses}; then the client gets 1014. That time starts anew after a connection of 5 s. ${others}`,
    "An upstream that refuses such a dial for good (3xx, 4xx but 408, 425 and 429) is 1008 for the client, one that chooses another " +
      "subprotocol 1011; Retry-After is honoured.",
    "To the upstream every connection is new: it must know by itself what it had told its client before.",
  ]
}

const gate = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  const from = sourcesOf(settings)
  if (values["upstream-handshake"] === "none") return []
  return [
    `The first message of the upstream lets those of its client through${from("upstream-handshake")}; when there is none in ` +
      `${time(values["gate-timeout"])}${from("gate-timeout")} the client gets 1014.`,
    "It is kept, and sent first to an upstream that is dialled again, with x-reconnect: true; the client only sees it when it asked " +
      "with x-replay-id.",
  ]
}

const uncertain = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  const from = sourcesOf(settings)
  const what = "Messages that were sent and not confirmed when a connection was lost"
  const ended = isShared(settings) ? "the connections of the clients" : "the session"
  const counted = "They are counted and numbered in a receipt."
  const become = {
    drop: `${what} are not sent again${from("uncertain")}: each may be lost, none comes twice. ${counted}`,
    replay: `${what} are sent again to who comes next${from("uncertain")}: each may come twice. ${counted}`,
    fail: `${what} end ${ended} with 1011${from("uncertain")}: each may be lost. ${counted}`,
  }
  return [
    become[values.uncertain],
    "Every outage leaves such a receipt, in the log, among the events and with the session.",
    "Exactly-once cannot be promised: a confirmation says that the peer's WebSocket library got a message, never that anybody worked on it.",
    "A crash of this proxy ends its sessions. This one process owns them: another instance answers their resumes with 404.",
  ]
}

const limits = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  const from = sourcesOf(settings)
  return [
    `Who is there and takes nothing of a full buffer for ${time(values["stall-timeout"])}${from("stall-timeout")} is closed with 4413` +
      `${stalled(settings)}.`,
    `Every ${time(values.heartbeat)}${from("heartbeat")} each peer is asked for a sign of life, and any byte is one; without any for ` +
      `${time(values["heartbeat-timeout"])}${from("heartbeat-timeout")} it counts as vanished, unless it is not read.`,
    "Pings and other control frames beyond 10 a second, or 50 at once, end a connection with 1008.",
    `Everything held, unsent or unfinished, and what came before its connection was ready, may take ${size(values.memory)}${from("memory")}. ` +
      "A message held counts with its payload and 512 bytes beside it. The process itself needs memory of its own on top.",
    "From 80 % of that on new clients get 503; when it is full the session that holds most is closed with 1013, one with a missing side first, " +
      "or where many clients share one, the client that is furthest behind.",
  ]
}

const stalled = (settings: Settings): string => {
  if (isShared(settings)) return ", and the upstream dialled again; the others stay"
  return settings.values.mode === "receiver"
    ? "; other clients stay, but all get 1013 when it was the upstream"
    : ", the other side with 1013"
}

const compat = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  if (values.compat === "off") return []
  const from = sourcesOf(settings)
  return [
    `It speaks as ws-reconnect-proxy does${from("compat")}, and is as weak: anybody who knows the id of a session can take it over, ` +
      "with x-reconnect-id and no secret. Lists and logs show ids as hashes; a second dial with an id in use is 409.",
    "Payload is read: a text PROXY_RESTART of either side holds what goes towards it, a text of the upstream that begins with RECONNECT " +
      "and a space is kept from the client, and its reconnectId or connectionId names the session of a client that had no id.",
    "An upstream that closes with the reason Service Restart is dialled again, whatever its code.",
    values.mode === "session" &&
      "A client is waited for whatever its close code; when it does not come back, the upstream is told that code.",
    "Neither /status nor customRequest is served.",
  ]
}

/** What a client goes through before it is in. */
export const explainAdmission = (settings: Settings): ReadonlyArray<Sentence> => {
  const { values } = settings
  const from = sourcesOf(settings)
  const handshake = `${time(values["handshake-timeout"])}${from("handshake-timeout")}`
  const dials = many(values["max-dials"], "upstream is", "upstreams are")
  const queue = `Up to ${dials} dialled at a time${from("max-dials")}; the others wait their turn`
  const what = isShared(settings) ? "client" : "session"
  const sessions = `Up to ${many(values["max-sessions"], what, `${what}s`)} at a time${from("max-sessions")}; beyond that 503 with Retry-After.`
  if (isShared(settings)) {
    return [
      `The upstream is dialled at the start, with this URL and no headers of a client; each dial has ${handshake}.`,
      "A client that asks for another path than / or that of the URL gets 404.",
      sessions,
    ]
  }
  const who = values.mode === "receiver" ? "the first client of an id" : "a client"
  return [
    "A client chooses path and query below the upstream's URL, never its host.",
    `The upstream is dialled before ${who} gets its answer. It has ${handshake}, then the client gets 504; ` +
      "one that cannot be reached is 502, and its own answer passes as it is.",
    `${queue} within that same time, then they get 504 or 503.`,
    sessions,
  ]
}
