/**
 * The known word that somebody most likely meant.
 */

/** The nearest one, or nothing when all differ from it in more than a third of their letters, or in more than three. */
export const nearest = (word: string, known: ReadonlyArray<string>): string | undefined => {
  const near = known
    .map((candidate) => ({ candidate, distance: distance(word, candidate) }))
    .filter((one) => one.distance <= Math.min(3, Math.floor(Math.min(word.length, one.candidate.length) / 3)))
    .sort((a, b) => a.distance - b.distance)
  return near[0]?.candidate
}

/** As the end of a message; empty when nothing is near. */
export const didYouMean = (word: string, known: ReadonlyArray<string>, prefix = ""): string => {
  const found = nearest(word, known)
  return found === undefined ? "" : `; did you mean ${JSON.stringify(prefix + found)}?`
}

// Levenshtein, one row at a time; two neighbours that changed places are one slip.
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  let above = row
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const turned = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1, turned ? above[j - 2]! + 1 : swap))
    }
    above = row
    row = next
  }
  return row[b.length]!
}
