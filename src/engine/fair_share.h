#pragma once
/// Whose turn it is, between flows. A flow is what one tenant asks of an engine; each has a weight. The counter is the
/// Virtual Token Counter's (Sheng et al. 2024, arXiv 2401.00588): a flow's `served` grows by the tokens that were
/// computed for it, divided by its weight, and the flow that was served least goes first.
///   Tokens     a prompt token counts 1 when it is computed, never again after a preemption, and not at all if it came
///              from the prefix cache; an output token counts kOutputCost.
///   Wanting    a flow wants while it has sequences that wait, or prompts that aren't read. One that wants again after
///              it had all that it asked for is lifted to the least counter of those that want meanwhile: whoever was
///              away, or asked for little, has saved up nothing. When nobody wants, nobody owes anything: all begin at
///              the greatest counter.
///   Turns      order goes by `turn`, which follows `served` in steps of kTurnTokens times the weight: so prompts are
///   read
///              one after another and not all at once. Of the same turn the flow with the fewest sequences here, by
///              weight, goes first: one that asks little is through before one whose turn has begun and that asks for
///              much. It can do so until it has had a turn.
///   Starts     go by the counter with the prompts added that run already and aren't read, or the first flow would take
///              all free places at once.
/// Two flows that want all the time are served alike, per weight, up to a turn, a step's rows, and what runs of either.
/// How flows are ordered changes no bits.
///
/// Owns:    the flows, of which it forgets those that have nothing left here once all that want have been served as
/// much
///          (all of them when nobody has anything left; at most kIdleFlowsMax are kept else).
/// Threads: engine thread only. Cost: Order() is O(flows log flows), once a step; the rest O(1) but Next(), O(flows).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace bedplate {

struct Sequence;

struct Flow {
  Flow(uint64_t flow_id, uint32_t flow_weight) : id(flow_id), weight(flow_weight) {}

  const uint64_t id;
  uint32_t weight;     // of its newest request
  uint32_t place = 0;  // 0 goes first; as of the last Order()

  // Kept by the scheduler.
  std::vector<Sequence*> waiting;  // by rank, the most important last
  uint32_t running = 0;            // sequences
  uint32_t unstarted = 0;          // requests that have never had pages
  uint64_t unread = 0;             // rows that running prompts miss
  uint32_t counted = 0;            // scratch of whoever goes through the running ones

 private:
  friend class FairShare;
  [[nodiscard]] bool Wants() const { return !waiting.empty() || unread > 0; }
  [[nodiscard]] double Asks() const { return static_cast<double>(running + waiting.size()) / weight; }

  uint32_t live_ = 0;    // requests
  double served_ = 0;    // tokens, by weight
  double turn_ = 0;      // what was served when its turn began
  bool wanted_ = false;  // at the last Order()
  uint64_t since_ = 0;   // when its turn began, among others
};

class FairShare {
 public:
  static constexpr double kOutputCost = 2;    // as in the paper; a step reads all weights for few of them
  static constexpr double kTurnTokens = 512;  // a step's rows (EngineOptions): a turn is about a step
  static constexpr size_t kIdleFlowsMax = 256;

  /// A request has come, or ended. A flow lives until the next Order() at least.
  Flow& Enter(uint64_t id, uint32_t weight);
  void Leave(Flow& flow);

  void ServePrompt(Flow& flow, uint32_t tokens) { Serve(flow, tokens); }
  void ServeOutput(Flow& flow) { Serve(flow, kOutputCost); }

  /// Lifts, forgets, and puts the flows in order for a step: call it when waiting, running and unread are up to date.
  void Order();
  /// By place; those that have nothing left here among them.
  [[nodiscard]] std::span<Flow* const> flows() const { return order_; }
  /// Which flow's first waiting sequence is to start next; none: nothing waits.
  [[nodiscard]] Flow* Next() const;
  /// Flows with requests.
  [[nodiscard]] uint32_t live() const { return live_; }
  /// Tokens by weight that a flow has been served; only differences mean anything.
  [[nodiscard]] static double Served(const Flow& flow) { return flow.served_; }

 private:
  void Serve(Flow& flow, double tokens);
  void RaiseFloor();
  void Lift(Flow& flow);
  void Forget();

  std::unordered_map<uint64_t, std::unique_ptr<Flow>> flows_;
  std::vector<Flow*> order_;
  uint32_t live_ = 0;
  double floor_ = 0;      // what a flow that wants again has been served at least; never less than before
  uint64_t moments_ = 0;  // of Flow::since_
};

}  // namespace bedplate
