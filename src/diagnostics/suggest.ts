import { distance } from 'fastest-levenshtein';
import { quoted } from './printable.ts';

/** Longer words are not compared: nobody mistypes them, and the time grows with the square. */
const LONGEST = 64;

/**
 * The candidate that was most likely meant, or undefined when none is near: at most a third of the letters (at least one) may be
 * wrong; letter case and the difference between `-` and `_` do not count. Ties go to the earlier candidate.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  if (word === '' || word.length > LONGEST) return undefined;
  const limit = Math.max(1, Math.floor(word.length / 3));
  const plain = plainForm(word);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate === word || candidate.length > LONGEST) continue;
    const form = plainForm(candidate);
    // A swap of two neighbours is one slip of the fingers, not two.
    const far = isSwap(plain, form) ? 1 : distance(plain, form);
    // A one-letter word is near to every other one-letter word: that is no hint.
    if (far <= limit && far < bestDistance && (far === 0 || far < Math.max(plain.length, form.length))) {
      best = candidate;
      bestDistance = far;
    }
  }
  return best;
}

/** `help` text for a suggestion, or for a choice when nothing is near. */
export function suggestion(word: string, candidates: readonly string[], what = 'Known are'): string | undefined {
  const near = didYouMean(word, candidates);
  if (near !== undefined) return `Did you mean \`${near}\`?`;
  return candidates.length === 0 ? undefined : `${what}: ${listOf(candidates)}.`;
}

/** `a, b and c`, each as code. */
export function listOf(words: readonly string[], conjunction: 'and' | 'or' = 'and'): string {
  const list = words.map((word) => quoted(word));
  const last = list.pop();
  if (last === undefined) return '';
  return list.length === 0 ? last : `${list.join(', ')} ${conjunction} ${last}`;
}

function plainForm(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

function isSwap(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  return (
    at + 1 < left.length && left[at] === right[at + 1] && left[at + 1] === right[at] && left.slice(at + 2) === right.slice(at + 2)
  );
}
