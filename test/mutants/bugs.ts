/**
 * Twenty ways to get reconnecting wrong, at least two of each class. Each one is a line of `client.ts` that asks for it.
 */

/** What each of them breaks. */
export const classes = {
  // what had been sent when the connection broke is forgotten
  dropsInFlight: "loss",
  // what is sent while there is no connection is thrown away
  dropsWhileAway: "loss",
  // a message is forgotten when it has been sent, and not when it has been confirmed
  forgetsOnSend: "loss",
  // what the server says it has got is sent again
  resendsAll: "duplicate",
  // what waits is sent when the connection is open, and again when the server has answered
  resendsTwice: "duplicate",
  // new messages go out before those that wait
  overtakes: "order",
  resendsBackwards: "order",
  // dials again at once
  hotLoop: "backoff",
  // an open connection is enough to forget all failures
  resetsTooSoon: "backoff",
  // not even a stable connection is
  neverResets: "backoff",
  // an error and the close that follows it each start a dial
  dialsTwice: "backoff",
  // somebody goes on pinging the connection that was replaced
  leavesHeartbeat: "leak",
  // a socket whose handshake took too long is left to itself
  leavesSocket: "leak",
  // the first end is reported, and not the last
  losesCode: "close code",
  // having come back once, it dials again though the server said that it is over
  ignoresGoodbye: "close code",
  // does not wait for room while there is no connection
  hoardsWhileAway: "bound",
  // only counts what was sent since it came back
  boundsNewOnly: "bound",
  // says that it has got one message more than it has
  skipsOne: "resume",
  // begins a new session every time
  startsOver: "resume",
  // never notices that the other end has fallen silent
  ignoresSilence: "resume",
} as const satisfies Readonly<Record<string, string>>

/** One of them. */
export type Bug = keyof typeof classes

/** All of them. */
export const bugs = Object.keys(classes).filter((name): name is Bug => name in classes)
