import { ambiguousText } from './ambiguous-text.ts';
import { distro } from './distro.ts';
import { distroSource } from './distro-source.ts';
import { elements } from './elements.ts';
import { elementsPath } from './elements-path.ts';
import { environment } from './environment.ts';
import { mirrors } from './mirrors.ts';
import { outputClash } from './output-clash.ts';
import { outputCompression } from './output-compression.ts';
import { outputDisk } from './output-disk.ts';
import { outputPath } from './output-path.ts';
import { packages } from './packages.ts';
import type { Rule } from './rule.ts';

/** Every rule about the meaning of image.yaml. Adding one is a file and a line here. */
export const RULES: readonly Rule[] = [
  ambiguousText,
  distro,
  distroSource,
  elements,
  elementsPath,
  environment,
  mirrors,
  outputClash,
  outputCompression,
  outputDisk,
  outputPath,
  packages,
];
