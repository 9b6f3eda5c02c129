import { runCommandLine } from './program';

// Whoever reads the output may leave early (`| head`); that must not end what runs.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

void runCommandLine(process.argv).then((code) => {
  process.exitCode = code;
});
