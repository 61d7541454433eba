/**
 * What one direction of a connection is like: as its link was made, and as faults make it now.
 */

/** How one direction behaves. All of it may change while bytes are under way. */
export interface Path {
  /** Milliseconds from kernel to kernel. */
  readonly latency: number
  /** Milliseconds more, different each time. */
  readonly jitter: () => number
  /** Bytes that the two kernels and the network take before the writer has to keep its own. */
  readonly window: number
  /** Bytes per millisecond. */
  readonly bandwidth: number
}

/** What faults do to one direction now. */
export interface Weather {
  /** Milliseconds more for what is sent now. */
  readonly delay: () => number
  readonly bandwidth: number
  /** Bytes that are not slowed down. */
  readonly burst: { left: number }
  readonly window: number
  readonly slice: { readonly size: () => number; readonly gap: number } | undefined
  /** Everything is lost, and nobody is told. */
  readonly swallows: boolean
  /** Nothing arrives, and nothing is lost. */
  readonly holds: boolean
  /** Changes the bits of a byte, or not. */
  readonly corrupt: (() => number | undefined) | undefined
  /** Milliseconds until an end is heard of. */
  readonly slowClose: number
}

/** No faults. */
export const fair: Weather = {
  delay: () => 0,
  bandwidth: Infinity,
  burst: { left: 0 },
  window: Infinity,
  slice: undefined,
  swallows: false,
  holds: false,
  corrupt: undefined,
  slowClose: 0,
}
