// From the figures of single runs to medians. Owns the rule that nothing may be missing; writes
// nothing.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One row for each server, in the order of `names`, with the median of each of `fields` and the
 * least and the greatest value beside it. A figure that is missing, or a round too few, is an
 * error: a table with holes would be read as one without.
 */
export function rows(names, runs, rounds, fields) {
  return names.map((name) => {
    const mine = runs.filter((run) => run.name === name);
    if (mine.length !== rounds) throw new Error(`${name} has ${mine.length} of ${rounds} rounds`);
    const row = { name };
    for (const field of fields) {
      const values = mine.map((run) => run[field]);
      const bad = values.find((value) => typeof value !== "number" || !Number.isFinite(value));
      if (bad !== undefined || values.includes(undefined)) {
        throw new Error(`${name} has no ${field}: ${JSON.stringify(values)}`);
      }
      row[field] = {
        median: median(values),
        least: Math.min(...values),
        greatest: Math.max(...values),
      };
    }
    return row;
  });
}

/** Three digits, as the third is already noise; thousands with commas. */
export function shown(number) {
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size >= 100) return Math.round(number).toLocaleString("en-US");
  return number.toFixed(size >= 10 ? 1 : 2);
}
