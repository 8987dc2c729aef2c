import { type Command, Option } from 'commander';
import { type AgentOptions, agentRequest } from '../agent-options.js';
import { interruption } from '../interruption.js';
import { exit } from '../output.js';
import type { Register } from '../program.js';

/** `keyturn agent --secret /prod/billing/db --file /run/billing/db.json --signal HUP --pid-file /run/billing.pid` */
export const agent: Register = (program, action) =>
  withEndpoint(withProofs(withFile(program.command('agent')))).action(
    action(async ({ doors, output }, command: Command) => {
      const request = agentRequest(command);
      const { secrets, file, socket } = request;
      const path = file?.path ?? null;
      if (command.opts<AgentOptions>().once) {
        await doors.agentOnce(request, doors.terminal.interrupted);
        output.answer({ secrets, file: path }, `${secrets[0] ?? ''} is in ${path ?? ''}.`);
        return exit.done;
      }
      const told = interruption(doors);
      const running = await doors.agent(request);
      const { challengesUrl } = running;
      const parts = [
        ...(path === null ? [] : [`into ${path}`]),
        ...(challengesUrl === null ? [] : [`challenges at ${challengesUrl}`]),
        ...(socket === null ? [] : [`parameters at unix:${socket.path}`]),
      ];
      output.answer(
        { secrets, file: path, challengesUrl, socket: socket?.path ?? null },
        `Following ${secrets.join(', ')}: ${parts.join(', ')}. Stop with Ctrl-C.`,
      );
      await told;
      await running.stop();
      return exit.done;
    }),
  );

function withFile(command: Command): Command {
  return command
    .description('keep a file, a socket and proofs up to date for an application that cannot do it itself')
    .requiredOption('--secret <path...>', 'what is followed; several for --listen')
    .addOption(
      new Option('--staging <kind>', 'shadow: where applications read the bare name of a secret in AWS SSM')
        .choices(['labels', 'shadow'])
        .default('labels'),
    )
    .option('--file <path>', 'kept at the current value, with mode 0600')
    .addOption(
      new Option('--format <format>', 'the document as stored, one field of it, or lines of NAME=value')
        .choices(['json', 'value', 'env'])
        .default('json'),
    )
    .option(
      '--field <name>',
      'the field that is the credential’s value: what --format value writes, and proofs prove',
      'password',
    )
    .option('--signal <name>', 'tell the application by a signal, with --pid-file')
    .option('--pid-file <path>', 'names the process, and is read each time')
    .option('--exec <command>', 'tell it by a command, without a shell; {file} stands for the file')
    .option('--http-reload <url>', 'tell it by a POST')
    .option('--check <command>', 'exits with 0 where the application works with the file; {file} stands for it')
    .option('--command-timeout <duration>', 'after how long a command or the POST has failed', '30s')
    .option('--once', 'write, tell, check and end', false);
}

function withProofs(command: Command): Command {
  return command
    .option('--challenges <host:port>', 'answer Keyturn for the application, once the check has passed')
    .option('--env <environment>', 'the environment that this application was deployed as')
    .option('--instance <name>', 'names it among those of the application; default: this machine')
    .option('--key-file <path>', 'the consumer’s key (whsec_…); default: the variable KEYTURN_CONSUMER_KEY')
    .option(
      '--canary-check <command>',
      'tries a pending version in {file}: 0 passed, 75 cannot say, any other refuses',
    );
}

function withEndpoint(command: Command): Command {
  return command
    .option('--listen <unix:path>', 'answer GetParameter of AWS SSM from memory, on a socket')
    .option('--socket-mode <octal>', 'who may open the socket', '600')
    .option('--endpoint <url>', 'the store, as SSM speaks; default: KEYTURN_STORE_URL, then what the AWS SDK finds')
    .option('--plain-http', 'to the store without TLS although others could listen in', false)
    .option('--ttl <duration>', 'how long a value is served from memory', '30s')
    .option('--stale <duration>', 'how old a value on the socket may become while the store does not answer', '10m');
}
