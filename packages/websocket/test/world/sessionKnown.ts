/**
 * Defects of the proxy that are known and not mended yet. The properties look away from these; each has a test of its own beside
 * them that expects it, and fails when it is mended: then it goes from here.
 */
export const known = {
  /** Who is not read, and dies, still gives away what Node has read ahead: 64 KiB each time, however full the buffer is. */
  deathsGiveAway: true,
}

/** Looks at these as at anything else. */
export const strictly = <A>(defects: ReadonlyArray<keyof typeof known>, look: () => A): A => {
  for (const defect of defects) known[defect] = false
  try {
    return look()
  } finally {
    for (const defect of defects) known[defect] = true
  }
}
