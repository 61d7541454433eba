/**
 * What `linkMeasures` is in browsers: nothing, because nobody scrapes them, and Effect's metrics weigh a kilobyte.
 */

/** Registers nothing. */
export const measure = (): (() => void) => () => {}
