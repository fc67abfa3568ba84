// Ctrl-C as a flag, for verbs that have to end something before they end.
#pragma once

namespace yoke::cli {

void catch_interrupts();    // SIGINT and SIGTERM from now on set the flag
bool interrupted();
void clear_interrupt();     // `yoke chat`: the answer was stopped, the conversation goes on

}  // namespace yoke::cli
