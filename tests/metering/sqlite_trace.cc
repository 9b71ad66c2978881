// Preloaded into a server (LD_PRELOAD), counts what each of its threads asks of SQLite, by database, in a mapped file
// that a test reads while the server runs (trace.py has its layout). It can also make databases stand still: while
// a database's bit is set, whoever calls it waits. So a request that is answered meanwhile has waited for no call of
// it, whoever's thread would have made it.
//
//   clang++-19 -std=c++20 -O2 -shared -fPIC tests/metering/sqlite_trace.cc -o sqlite_trace.so
//   SQLITE_TRACE=FILE LD_PRELOAD=./sqlite_trace.so build/release/bin/bedplate serve ...
//
// Threads are told apart by the stack that made them. All that a call does before SQLite's own is atomic counting.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace {

using ExecCallback = int (*)(void*, int, char**, char**);
using Free = void (*)(void*);

constexpr int kThreads = 256, kDatabases = 8, kFrames = 32, kNameBytes = 64;

struct Thread {
  std::atomic<uint64_t> id;  // 0: not yet
  uint64_t made_by[kFrames];
  std::atomic<uint64_t> calls[kDatabases];
  uint64_t first_call[kDatabases][kFrames];
};

struct Trace {
  uint64_t program_base;
  std::atomic<uint64_t> threads, databases;
  std::atomic<uint64_t> held;                 // bits of databases that stand still
  std::atomic<uint64_t> waiting[kDatabases];  // calls that wait for that to end
  char names[kDatabases][kNameBytes];         // of the databases' files, in the order in which they were opened first
  Thread of[kThreads];
};

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "sqlite_trace: %s\n", what);
  std::_Exit(99);  // an untraced run must not look like one without calls
}

template <class Function>
Function Next(Function, const char* name) {
  void* const found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr) Fail(name);
  return reinterpret_cast<Function>(found);
}

Trace* OpenTrace() {
  const char* const path = std::getenv("SQLITE_TRACE");
  if (path == nullptr) Fail("SQLITE_TRACE names no file");
  const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof(Trace)) != 0) Fail("the file can't be made");
  void* const mapped = ::mmap(nullptr, sizeof(Trace), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) Fail("the file can't be mapped");
  ::close(file);
  auto* const trace = static_cast<Trace*>(mapped);
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {  // the program comes first
        static_cast<Trace*>(to)->program_base = info->dlpi_addr;
        return 1;
      },
      trace);
  return trace;
}

Trace& TheTrace() {
  static Trace* const trace = OpenTrace();
  return *trace;
}

void NoteStack(uint64_t (&frames)[kFrames]) {
  void* stack[kFrames];
  const int depth = ::backtrace(stack, kFrames);
  for (int i = 0; i < depth; ++i) frames[i] = reinterpret_cast<uint64_t>(stack[i]);
}

Thread& NewThread() {
  const uint64_t index = TheTrace().threads.fetch_add(1);
  if (index >= kThreads) Fail("too many threads");
  return TheTrace().of[index];
}

thread_local Thread* this_thread = nullptr;

Thread& ThisThread() {
  if (this_thread == nullptr) {  // the first one: pthread_create didn't make it
    this_thread = &NewThread();
    this_thread->id = static_cast<uint64_t>(::syscall(SYS_gettid));
  }
  return *this_thread;
}

// Connections are opened seldom, and asked for by each call.
struct Connection {
  std::atomic<sqlite3*> handle;
  uint64_t database;
};
Connection connections[64];
std::mutex opening;                        // guards the names, and who adds
thread_local int64_t opens_database = -1;  // SQLite's own calls, before it has told the handle

uint64_t NumberOf(const char* path) {
  const char* const slash = std::strrchr(path, '/');
  const char* const name = slash == nullptr ? path : slash + 1;
  Trace& trace = TheTrace();
  const uint64_t known = trace.databases.load();
  for (uint64_t i = 0; i < known; ++i) {
    if (std::strcmp(trace.names[i], name) == 0) return i;
  }
  if (known == kDatabases || std::strlen(name) >= kNameBytes) Fail("too many databases");
  std::strcpy(trace.names[known], name);
  trace.databases.store(known + 1);
  return known;
}

void Count(uint64_t database) {
  Trace& trace = TheTrace();
  Thread& thread = ThisThread();
  if (thread.calls[database].fetch_add(1) == 0) NoteStack(thread.first_call[database]);
  const uint64_t bit = uint64_t{1} << database;
  if ((trace.held.load() & bit) == 0) return;
  trace.waiting[database].fetch_add(1);
  while ((trace.held.load() & bit) != 0) ::usleep(1000);
  trace.waiting[database].fetch_sub(1);
}

Connection& ConnectionOf(sqlite3* handle) {
  for (Connection& connection : connections) {
    if (connection.handle.load() == handle) return connection;
  }
  Fail("a connection that nobody opened, or one too many");
}

void CountCall(sqlite3* handle) {
  if (handle == nullptr) return;
  Count(opens_database >= 0 ? static_cast<uint64_t>(opens_database) : ConnectionOf(handle).database);
}
void CountCall(sqlite3_stmt* statement) {
  if (statement != nullptr) CountCall(::sqlite3_db_handle(statement));
}

int Open(const char* path, sqlite3** handle, int flags, const char* vfs) {
  static const auto next = Next(&sqlite3_open_v2, "sqlite3_open_v2");
  uint64_t database = 0;
  {
    const std::lock_guard lock(opening);
    database = NumberOf(path);
  }
  Count(database);
  opens_database = static_cast<int64_t>(database);
  const int status = next(path, handle, flags, vfs);
  opens_database = -1;
  if (*handle == nullptr) return status;
  const std::lock_guard lock(opening);
  Connection& free = ConnectionOf(nullptr);
  free.database = database;
  free.handle = *handle;
  return status;
}

int Close(sqlite3* handle) {
  static const auto next = Next(&sqlite3_close, "sqlite3_close");
  CountCall(handle);
  if (handle != nullptr) ConnectionOf(handle).handle = nullptr;
  return next(handle);
}

struct Start {
  void* (*run)(void*);
  void* argument;
  Thread* thread;
};

void* RunThread(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  this_thread = start.thread;
  this_thread->id = static_cast<uint64_t>(::syscall(SYS_gettid));
  return start.run(start.argument);
}

}  // namespace

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  static const auto next = Next(&pthread_create, "pthread_create");
  ThisThread();
  Thread& made = NewThread();
  NoteStack(made.made_by);
  auto* const start = new Start{run, argument, &made};
  const int status = next(thread, attributes, RunThread, start);
  if (status != 0) delete start;
  return status;
}

int sqlite3_open_v2(const char* path, sqlite3** handle, int flags, const char* vfs) {
  return Open(path, handle, flags, vfs);
}
int sqlite3_close(sqlite3* handle) {
  return Close(handle);
}

// The rest is told its connection, or a statement of it.
#define TRACED(type, name, whose, parameters, arguments) \
  type name parameters {                                 \
    static const auto next = Next(&name, #name);         \
    CountCall(whose);                                    \
    return next arguments;                               \
  }
TRACED(int, sqlite3_exec, db, (sqlite3 * db, const char* sql, ExecCallback row, void* to, char** error),
       (db, sql, row, to, error))
TRACED(int, sqlite3_prepare_v3, db,
       (sqlite3 * db, const char* sql, int bytes, unsigned flags, sqlite3_stmt** made, const char** tail),
       (db, sql, bytes, flags, made, tail))
TRACED(int, sqlite3_busy_timeout, db, (sqlite3 * db, int ms), (db, ms))
TRACED(sqlite3_int64, sqlite3_changes64, db, (sqlite3 * db), (db))
TRACED(const char*, sqlite3_errmsg, db, (sqlite3 * db), (db))
TRACED(int, sqlite3_extended_errcode, db, (sqlite3 * db), (db))
TRACED(int, sqlite3_extended_result_codes, db, (sqlite3 * db, int on), (db, on))
TRACED(int, sqlite3_get_autocommit, db, (sqlite3 * db), (db))
TRACED(int, sqlite3_step, of, (sqlite3_stmt * of), (of))
TRACED(int, sqlite3_reset, of, (sqlite3_stmt * of), (of))
TRACED(int, sqlite3_finalize, of, (sqlite3_stmt * of), (of))
TRACED(int, sqlite3_clear_bindings, of, (sqlite3_stmt * of), (of))
TRACED(int, sqlite3_bind_blob64, of, (sqlite3_stmt * of, int at, const void* data, sqlite3_uint64 bytes, Free free),
       (of, at, data, bytes, free))
TRACED(int, sqlite3_bind_text64, of,
       (sqlite3_stmt * of, int at, const char* text, sqlite3_uint64 bytes, Free free, unsigned char encoding),
       (of, at, text, bytes, free, encoding))
TRACED(int, sqlite3_bind_int64, of, (sqlite3_stmt * of, int at, sqlite3_int64 value), (of, at, value))
TRACED(int, sqlite3_bind_null, of, (sqlite3_stmt * of, int at), (of, at))
TRACED(const void*, sqlite3_column_blob, of, (sqlite3_stmt * of, int at), (of, at))
TRACED(int, sqlite3_column_bytes, of, (sqlite3_stmt * of, int at), (of, at))
TRACED(sqlite3_int64, sqlite3_column_int64, of, (sqlite3_stmt * of, int at), (of, at))
TRACED(int, sqlite3_column_type, of, (sqlite3_stmt * of, int at), (of, at))
}
