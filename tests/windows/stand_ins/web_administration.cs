// Stands in for Microsoft.Web.Administration in tests: the public members that the module uses, over a real
// applicationHost.config, as strict as the schema of the project (src/ftps_exchange/iis/schema.json) and the file's own
// configSections allow. It knows nothing of IIS beyond that, and proves nothing of it.
//
// The environment names the file (FTPS_EXCHANGE_IIS_CONFIG) and the schema (FTPS_EXCHANGE_IIS_SCHEMA), and may say which
// call fails (FTPS_EXCHANGE_IIS_FAIL_AT). What is not changed is written back byte by byte.
//
// Where sources differ, or nobody knows, the environment chooses the reading (FTPS_EXCHANGE_IIS_…):
//   LOCALITY     what IsLocallyStored says of a section at a location. "deepest": that the deepest level to set it is the
//                server; false once the location sets it, and it throws where nothing does (tests of JexusManager, which its
//                authors also run against Microsoft's library). "file": that this file sets it, at whatever level
//                (Microsoft's text: "stored in the current configuration file"). Neither says "at this location".
//   NOWHERE      what the metadata deepestPathSet is where nothing sets the section: it "throws" 0x80070032, or is "empty".
//   UNCOMMITTED  whether a location sees what was set at a level above and not committed yet: "visible" or "hidden".
//   NEW_SITES    whether a site that is not committed yet has locations: "known", or "unknown", which throws as below. With
//                "never", a commit does not change that until the next run.
//   MISSING      what is given for a section, element or collection that does not exist: it "throws", or is "nothing".
// Certain is, by the same tests: GetSection throws FileNotFoundException for a location whose site does not exist.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Microsoft.Web.Administration
{
    // How many calls of the API there were, and which one is to fail. A test asks; the module does not know it.
    public static class StandIn
    {
        internal const string Root = "MACHINE/WEBROOT/APPHOST";
        internal const int NotSupported = unchecked((int)0x80070032);
        internal const int NoSuchObject = unchecked((int)0x800710D8);

        internal static bool Reads(string question, string answer)
        {
            return Environment.GetEnvironmentVariable("FTPS_EXCHANGE_IIS_" + question) == answer;
        }

        public static long Calls;
        public static long Commits;
        // Managers that nobody has disposed of
        public static long Open;
        internal static ServerManager First;
        internal static long FailAt;
        internal static string Run;

        internal static void Call(string attribute = null)
        {
            Calls += 1;
            string what = attribute == null ? "" : " (attribute " + attribute + ")";
            if (Calls == FailAt) throw new COMException("The stand-in was set to fail at call " + FailAt + what);
        }

        internal static Exception Refused(string text) { return new COMException(text); }
    }

    // The file: elements that remember the text they were read from

    internal sealed class Tag
    {
        public string Name;
        public List<KeyValuePair<string, string>> Attributes = new List<KeyValuePair<string, string>>();
        // Text between elements (comments too) as strings, elements as Tag
        public List<object> Content = new List<object>();
        public Tag Parent;
        public string Opening;
        public string Closing;
        public bool Rewritten;

        public string Get(string name)
        {
            foreach (var pair in Attributes) if (pair.Key == name) return pair.Value;
            return null;
        }

        public void Set(string name, string value)
        {
            Rewritten = true;
            for (int i = 0; i < Attributes.Count; i++)
                if (Attributes[i].Key == name) { Attributes[i] = new KeyValuePair<string, string>(name, value); return; }
            Attributes.Add(new KeyValuePair<string, string>(name, value));
        }

        public void Unset(string name)
        {
            Rewritten = true;
            Attributes.RemoveAll(pair => pair.Key == name);
        }

        public IEnumerable<Tag> Children { get { return Content.OfType<Tag>(); } }

        public Tag Child(string name) { return Children.FirstOrDefault(child => child.Name == name); }

        private int Depth { get { int depth = 0; for (var up = Parent; up != null; up = up.Parent) depth++; return depth - 1; } }

        private static string Indent(int depth) { return "\n" + new string(' ', 4 * depth); }

        // Behind a sibling, or as the first or last child
        public Tag Insert(Tag child, Tag behind, bool first)
        {
            child.Parent = this;
            int at;
            if (Content.Count == 0) { Content.Add(Indent(Depth)); Rewritten = true; }
            if (behind != null) at = Content.LastIndexOf(behind) + 1;
            else if (first) at = 0;
            else at = Content.Count - (Content[Content.Count - 1] is string last && last.Trim() == "" ? 1 : 0);
            Content.Insert(at, child);
            Content.Insert(at, Indent(Depth + 1));
            return child;
        }

        public void Drop(Tag child)
        {
            int at = Content.IndexOf(child);
            Content.RemoveAt(at);
            if (at > 0 && Content[at - 1] is string before && before.Trim() == "") Content.RemoveAt(at - 1);
            child.Parent = null;
        }

        public void Write(StringBuilder to, string newline)
        {
            bool empty = Content.Count == 0 && Closing == null;
            if (!Rewritten && Opening != null && !(Closing == null && Content.Count > 0)) to.Append(Opening);
            else
            {
                to.Append('<').Append(Name);
                foreach (var pair in Attributes) to.Append(' ').Append(pair.Key).Append("=\"").Append(Escape(pair.Value)).Append('"');
                to.Append(empty ? " />" : ">");
            }
            foreach (object part in Content)
                if (part is Tag tag) tag.Write(to, newline);
                else to.Append(newline == "\n" || !Fresh((string)part) ? (string)part : ((string)part).Replace("\n", newline));
            if (!empty) to.Append(Closing ?? "</" + Name + ">");
        }

        private static bool Fresh(string text) { return text.StartsWith("\n") && text.Trim() == ""; }

        private static string Escape(string value)
        {
            return value.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&quot;")
                .Replace("\r", "&#xD;").Replace("\n", "&#xA;").Replace("\t", "&#x9;");
        }

        private static readonly Regex Attribute = new Regex(@"([^\s=/>""']+)\s*=\s*(?:""([^""]*)""|'([^']*)')", RegexOptions.Compiled);

        // The text before the document element, the element, the text behind it
        public static Tag Parse(string text, out string before, out string after)
        {
            var root = new Tag { Name = "" };
            var open = root;
            int at = 0;
            while (at < text.Length)
            {
                int next = text.IndexOf('<', at);
                if (next < 0) next = text.Length;
                if (next > at) open.Content.Add(text.Substring(at, next - at));
                if (next == text.Length) break;
                int end;
                if (string.CompareOrdinal(text, next, "<!--", 0, 4) == 0) end = text.IndexOf("-->", next) + 3;
                else if (string.CompareOrdinal(text, next, "<![CDATA[", 0, 9) == 0) end = text.IndexOf("]]>", next) + 3;
                else if (text[next + 1] == '?') end = text.IndexOf("?>", next) + 2;
                else
                {
                    // A quoted value may hold >
                    end = next + 1;
                    char quote = '\0';
                    while (quote != '\0' || text[end] != '>')
                    {
                        if (quote != '\0') { if (text[end] == quote) quote = '\0'; }
                        else if (text[end] == '"' || text[end] == '\'') quote = text[end];
                        end++;
                    }
                    end++;
                    string raw = text.Substring(next, end - next);
                    if (raw[1] == '/')
                    {
                        if (raw.Substring(2).TrimEnd('>').Trim() != open.Name) throw StandIn.Refused("Configuration file is not well-formed XML: " + raw);
                        open.Closing = raw;
                        open = open.Parent;
                    }
                    else
                    {
                        var tag = new Tag { Name = Regex.Match(raw, @"^<([^\s/>]+)").Groups[1].Value, Opening = raw, Parent = open };
                        foreach (Match match in Attribute.Matches(raw))
                            tag.Attributes.Add(new KeyValuePair<string, string>(
                                match.Groups[1].Value, System.Net.WebUtility.HtmlDecode(match.Groups[2].Success ? match.Groups[2].Value : match.Groups[3].Value)));
                        open.Content.Add(tag);
                        if (!raw.EndsWith("/>")) open = tag;
                    }
                    at = end;
                    continue;
                }
                open.Content.Add(text.Substring(next, end - next));
                at = end;
            }
            var document = root.Children.Single();
            int place = root.Content.IndexOf(document);
            before = string.Concat(root.Content.Take(place));
            after = string.Concat(root.Content.Skip(place + 1));
            return document;
        }
    }

    // The schema

    internal sealed class AttributeRule
    {
        public string Name, Type;
        public object Default;
        public bool Required, Encrypted, ReadOnly, CaseSensitive;
        // No file holds it: an extension answers, and only for sites and bindings of HTTP
        public bool Extended;
        public Dictionary<string, long> Values;
        public long? Lowest, Highest;
        public Regex Pattern;

        // What the file says -> what the API gives
        public object Read(string text)
        {
            switch (Type)
            {
                case "bool":
                    if (text == "true") return true;
                    if (text == "false") return false;
                    break;
                case "string": return text;
                case "timeSpan":
                    TimeSpan span;
                    if (TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out span)) return span;
                    break;
                case "enum":
                case "flags":
                    long sum = 0;
                    foreach (string part in Type == "enum" ? new[] { text } : text.Split(','))
                    {
                        string name = Values.Keys.FirstOrDefault(known => string.Equals(known, part.Trim(), StringComparison.OrdinalIgnoreCase));
                        if (name == null && text.Trim() == "" && Type == "flags") continue;
                        if (name == null) throw StandIn.Refused("The '" + Name + "' attribute is invalid. " + part + " is not one of: " + string.Join(", ", Values.Keys));
                        sum |= Values[name];
                    }
                    return (int)sum;
                default:
                    long number;
                    if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number)) return Ranged(number);
                    break;
            }
            throw StandIn.Refused("The '" + Name + "' attribute is invalid. '" + text + "' is no " + Type);
        }

        private object Ranged(long number)
        {
            long lowest = Lowest ?? (Type == "uint" ? 0 : Type == "int" ? int.MinValue : long.MinValue);
            long highest = Highest ?? (Type == "uint" ? uint.MaxValue : Type == "int" ? int.MaxValue : long.MaxValue);
            if (number < lowest || number > highest)
                throw StandIn.Refused("The '" + Name + "' attribute is invalid. " + number + " is not between " + lowest + " and " + highest);
            return Type == "int" ? (object)(int)number : number;
        }

        // What the API is given -> what the file says
        public string Write(object value)
        {
            if (ReadOnly) throw StandIn.Refused("The '" + Name + "' attribute is read-only");
            if (value is System.Management.Automation.PSObject wrapped) value = wrapped.BaseObject;
            switch (Type)
            {
                case "bool":
                    if (value is bool flag) return flag ? "true" : "false";
                    break;
                case "string":
                    if (value is string text)
                    {
                        if (Pattern != null && !Pattern.IsMatch(text)) throw StandIn.Refused("The '" + Name + "' attribute is invalid. '" + text + "' is not of its form");
                        return text;
                    }
                    break;
                case "timeSpan":
                    if (value is TimeSpan span) return span.ToString("c", CultureInfo.InvariantCulture);
                    break;
                case "enum":
                case "flags":
                    if (value is string names) return Names((int)Read(names));
                    if (value is int || value is long) return Names(Convert.ToInt64(value));
                    break;
                default:
                    if (value is int || value is long || value is uint) return Convert.ToString(Ranged(Convert.ToInt64(value)), CultureInfo.InvariantCulture);
                    break;
            }
            throw new ArgumentException("The '" + Name + "' attribute is invalid. It wants " + Type + ", not " + (value == null ? "null" : value.GetType().Name));
        }

        private string Names(long number)
        {
            if (Type == "enum" || Values.ContainsValue(number))
            {
                foreach (var pair in Values) if (pair.Value == number) return pair.Key;
                throw StandIn.Refused("The '" + Name + "' attribute is invalid. " + number + " is none of its values");
            }
            long rest = number;
            var names = new List<string>();
            foreach (var pair in Values.OrderBy(pair => pair.Value))
                if (pair.Value != 0 && (number & pair.Value) == pair.Value) { names.Add(pair.Key); rest &= ~pair.Value; }
            if (rest != 0) throw StandIn.Refused("The '" + Name + "' attribute is invalid. " + number + " has unknown flags");
            return string.Join(", ", names);
        }
    }

    internal sealed class CollectionRule
    {
        public string Add, Remove, Clear, Defaults;
        public List<string[]> Keys = new List<string[]>();
        public ElementRule Item;
    }

    internal sealed class ElementRule
    {
        public Dictionary<string, AttributeRule> Attributes = new Dictionary<string, AttributeRule>();
        public Dictionary<string, ElementRule> Elements = new Dictionary<string, ElementRule>();
        public CollectionRule Collection;
        public string Scope;

        private static readonly Dictionary<string, string[]> Extended = new Dictionary<string, string[]>
        {
            { "site", new[] { "state" } },
            { "binding", new[] { "certificateHash", "certificateStoreName", "isDsMapperEnabled" } },
        };

        public static Dictionary<string, ElementRule> Load(string file)
        {
            using (var document = JsonDocument.Parse(File.ReadAllText(file)))
                return document.RootElement.GetProperty("sections").EnumerateObject().ToDictionary(section => section.Name, section => Read(section.Value));
        }

        private static ElementRule Read(JsonElement from)
        {
            var rule = new ElementRule();
            JsonElement part;
            if (from.TryGetProperty("scope", out part)) rule.Scope = part.GetString();
            if (from.TryGetProperty("attributes", out part))
                foreach (var attribute in part.EnumerateObject()) rule.Attributes[attribute.Name] = ReadAttribute(attribute.Name, attribute.Value);
            if (from.TryGetProperty("elements", out part))
                foreach (var element in part.EnumerateObject()) rule.Elements[element.Name] = Read(element.Value);
            if (from.TryGetProperty("collection", out part))
            {
                JsonElement inner;
                rule.Collection = new CollectionRule { Add = part.GetProperty("add").GetString(), Item = Read(part.GetProperty("item")) };
                string[] extended;
                if (Extended.TryGetValue(rule.Collection.Add, out extended))
                    foreach (string name in extended) rule.Collection.Item.Attributes[name] = new AttributeRule { Name = name, Type = "string", Default = "", ReadOnly = true, Extended = true };
                if (part.TryGetProperty("remove", out inner)) rule.Collection.Remove = inner.GetString();
                if (part.TryGetProperty("clear", out inner)) rule.Collection.Clear = inner.GetString();
                if (part.TryGetProperty("defaults", out inner)) rule.Collection.Defaults = inner.GetString();
                foreach (var key in part.GetProperty("keys").EnumerateArray()) rule.Collection.Keys.Add(key.EnumerateArray().Select(name => name.GetString()).ToArray());
            }
            return rule;
        }

        private static AttributeRule ReadAttribute(string name, JsonElement from)
        {
            var rule = new AttributeRule { Name = name, Type = from.GetProperty("type").GetString() };
            JsonElement part;
            if (from.TryGetProperty("values", out part)) rule.Values = part.EnumerateObject().ToDictionary(value => value.Name, value => value.Value.GetInt64());
            if (from.TryGetProperty("range", out part)) { rule.Lowest = part[0].GetInt64(); rule.Highest = part[1].GetInt64(); }
            if (from.TryGetProperty("pattern", out part)) rule.Pattern = new Regex(part.GetString());
            rule.Required = from.TryGetProperty("required", out part) && part.GetBoolean();
            rule.Encrypted = from.TryGetProperty("encrypted", out part) && part.GetBoolean();
            rule.ReadOnly = from.TryGetProperty("read_only", out part) && part.GetBoolean();
            if (from.TryGetProperty("default", out part))
                rule.Default = rule.Read(part.ValueKind == JsonValueKind.String ? part.GetString() : part.GetRawText());
            else if (rule.Type == "string" && !rule.Required) rule.Default = "";
            return rule;
        }
    }

    // The API

    public sealed class ServerManager : IDisposable
    {
        private readonly string _file;
        private readonly byte[] _bytes;
        private readonly string _text, _before, _after, _newline;
        internal readonly Dictionary<string, ElementRule> Schema;
        internal readonly Tag Document;
        internal bool Stale;
        private bool _disposed;
        private Configuration _configuration, _committed;

        private static readonly Dictionary<string, Dictionary<string, ElementRule>> Schemas = new Dictionary<string, Dictionary<string, ElementRule>>();

        public ServerManager()
        {
            // A run may open the configuration more than once
            string run = Environment.GetEnvironmentVariable("FTPS_EXCHANGE_IIS_RUN");
            if (run == null || run != StandIn.Run)
            {
                StandIn.Calls = 0;
                StandIn.Open = 0;
                StandIn.First = this;
            }
            StandIn.Run = run;
            long fail;
            StandIn.FailAt = long.TryParse(Environment.GetEnvironmentVariable("FTPS_EXCHANGE_IIS_FAIL_AT"), out fail) ? fail : 0;
            StandIn.Call();
            StandIn.Open += 1;
            _file = Environment.GetEnvironmentVariable("FTPS_EXCHANGE_IIS_CONFIG");
            string schema = Environment.GetEnvironmentVariable("FTPS_EXCHANGE_IIS_SCHEMA");
            lock (Schemas)
            {
                if (!Schemas.ContainsKey(schema)) Schemas[schema] = ElementRule.Load(schema);
                Schema = Schemas[schema];
            }
            _bytes = File.ReadAllBytes(_file);
            _text = new UTF8Encoding(false, true).GetString(_bytes);
            _newline = _text.Contains("\r\n") ? "\r\n" : "\n";
            Document = Tag.Parse(_text, out _before, out _after);
        }

        // The file as it was read, whatever was changed since
        internal Configuration Committed
        {
            get { return _committed ?? (_committed = new Configuration(this, Tag.Parse(_text, out _, out _))); }
        }

        internal void Used(string attribute = null)
        {
            StandIn.Call(attribute);
            if (Stale) throw new InvalidOperationException("The configuration object is read only, because it has been committed by a call to ServerManager.CommitChanges()");
        }

        public Configuration GetApplicationHostConfiguration()
        {
            Used();
            return _configuration ?? (_configuration = new Configuration(this, Document));
        }

        public void CommitChanges()
        {
            Used();
            if (!File.ReadAllBytes(_file).SequenceEqual(_bytes))
                throw new FileLoadException("Cannot commit configuration changes because the file has changed on disk");
            var text = new StringBuilder(_before);
            Document.Write(text, _newline);
            text.Append(_after);
            StandIn.Commits += 1;
            File.WriteAllBytes(_file + ".new", new UTF8Encoding(false).GetBytes(text.ToString()));
            File.Move(_file + ".new", _file, true);
            Stale = true;
        }

        public void Dispose()
        {
            if (!_disposed) StandIn.Open -= 1;
            _disposed = true;
            Stale = true;
        }
    }

    public sealed class SectionDefinition
    {
        internal SectionDefinition(Tag tag)
        {
            Name = tag.Get("name");
            AllowDefinition = tag.Get("allowDefinition") ?? "Everywhere";
        }

        public string Name { get; private set; }
        public string AllowDefinition { get; private set; }
    }

    public sealed class SectionDefinitionCollection : List<SectionDefinition> { }

    public sealed class SectionGroupCollection : List<SectionGroup> { }

    public sealed class SectionGroup
    {
        internal SectionGroup(Tag tag)
        {
            Name = tag.Get("name") ?? "";
            Sections = new SectionDefinitionCollection();
            SectionGroups = new SectionGroupCollection();
            foreach (var child in tag.Children)
                if (child.Name == "section") Sections.Add(new SectionDefinition(child));
                else if (child.Name == "sectionGroup") SectionGroups.Add(new SectionGroup(child));
        }

        public string Name { get; private set; }
        public SectionDefinitionCollection Sections { get; private set; }
        public SectionGroupCollection SectionGroups { get; private set; }
    }

    public sealed class Configuration
    {
        internal readonly ServerManager Manager;
        private readonly Tag _document;
        // A path may have several <location> elements
        private readonly Dictionary<string, List<Tag>> _locations = new Dictionary<string, List<Tag>>(StringComparer.OrdinalIgnoreCase);
        private readonly Dictionary<string, ConfigurationSection> _sections = new Dictionary<string, ConfigurationSection>(StringComparer.OrdinalIgnoreCase);
        private readonly Dictionary<string, Tag> _declared = new Dictionary<string, Tag>();

        internal Configuration(ServerManager manager, Tag document)
        {
            Manager = manager;
            _document = document;
            foreach (var tag in document.Children)
                if (tag.Name == "location" && !string.IsNullOrEmpty(tag.Get("path"))) Remember(tag);
            var declared = document.Child("configSections");
            if (declared != null) Declare(declared, "");
        }

        private void Declare(Tag group, string prefix)
        {
            foreach (var child in group.Children)
                if (child.Name == "section") _declared[prefix + child.Get("name")] = child;
                else if (child.Name == "sectionGroup") Declare(child, prefix + child.Get("name") + "/");
        }

        private void Remember(Tag location)
        {
            List<Tag> same;
            if (!_locations.TryGetValue(location.Get("path"), out same)) _locations[location.Get("path")] = same = new List<Tag>();
            same.Add(location);
        }

        public SectionGroup RootSectionGroup
        {
            get { Manager.Used(); return new SectionGroup(_document.Child("configSections")); }
        }

        public string[] GetLocationPaths()
        {
            Manager.Used();
            return _locations.Values.Select(same => same[0].Get("path")).ToArray();
        }

        public void RemoveLocationPath(string locationPath)
        {
            Manager.Used();
            List<Tag> same;
            if (!_locations.TryGetValue(locationPath, out same)) throw new FileNotFoundException("There is no location path " + locationPath);
            foreach (var tag in same) tag.Parent.Drop(tag);
            _locations.Remove(locationPath);
        }

        public ConfigurationSection GetSection(string sectionPath)
        {
            Manager.Used();
            return Missing(sectionPath) ? null : Section(sectionPath, "");
        }

        public ConfigurationSection GetSection(string sectionPath, string locationPath)
        {
            Manager.Used();
            string site = (locationPath ?? "").Split('/')[0];
            var known = this;
            if (StandIn.Reads("NEW_SITES", "unknown")) known = Manager.Committed;
            if (StandIn.Reads("NEW_SITES", "never")) known = StandIn.First.Committed;
            if (site != "" && !known.HasSite(site))
                throw new FileNotFoundException("Filename: \r\nError: Unrecognized configuration path '" + StandIn.Root + "/" + locationPath + "'\r\n\r\n");
            return Missing(sectionPath) ? null : Section(sectionPath, locationPath ?? "");
        }

        private bool Missing(string path) { return StandIn.Reads("MISSING", "nothing") && !_declared.ContainsKey(path); }

        private bool HasSite(string name)
        {
            var sites = Find("system.applicationHost/sites", "");
            return sites != null && sites.Children.Any(site => site.Name == "site" && string.Equals(site.Get("name"), name, StringComparison.OrdinalIgnoreCase));
        }

        internal ConfigurationSection Section(string path, string location)
        {
            string key = path + "\n" + location;
            ConfigurationSection section;
            if (_sections.TryGetValue(key, out section)) return section;
            Tag declared;
            if (!_declared.TryGetValue(path, out declared))
                throw new FileNotFoundException("Filename: \\\\?\\C:\\Windows\\system32\\inetsrv\\config\\applicationHost.config\r\nError: The configuration section '" + path + "' cannot be read because it is missing a section declaration");
            if (location != "" && new[] { "MachineOnly", "MachineToRootWeb", "AppHostOnly" }.Contains(declared.Get("allowDefinition")))
                throw new FileLoadException("The configuration section '" + path + "' cannot be used at this path (" + location + ")");
            ElementRule rule;
            Manager.Schema.TryGetValue(path, out rule);
            ConfigurationSection above = null;
            if (location != "")
            {
                var seen = StandIn.Reads("UNCOMMITTED", "hidden") ? Manager.Committed : this;
                above = seen.Section(path, location.Contains("/") ? location.Substring(0, location.LastIndexOf('/')) : "");
            }
            section = new ConfigurationSection(this, path, location, rule, above);
            section.ServerOnly = location != "" && (declared.Get("allowLocation") == "false" || rule != null && rule.Scope == "server");
            return _sections[key] = section;
        }

        private IEnumerable<Tag> Holders(string location)
        {
            if (location == "") return new[] { _document };
            List<Tag> same;
            return _locations.TryGetValue(location, out same) ? same : Enumerable.Empty<Tag>();
        }

        internal Tag Find(string path, string location)
        {
            foreach (var holder in Holders(location))
            {
                var tag = holder;
                foreach (string name in path.Split('/')) tag = tag == null ? null : tag.Child(name);
                if (tag != null) return tag;
            }
            return null;
        }

        internal Tag Make(string path, string location)
        {
            var tag = Holders(location).FirstOrDefault();
            if (tag == null)
            {
                tag = new Tag { Name = "location" };
                tag.Set("path", location);
                _document.Insert(tag, null, false);
                Remember(tag);
            }
            foreach (string name in path.Split('/')) tag = tag.Child(name) ?? tag.Insert(new Tag { Name = name }, null, false);
            return tag;
        }
    }

    public sealed class ConfigurationEnumValue
    {
        public string Name { get; internal set; }
        public long Value { get; internal set; }
    }

    public sealed class ConfigurationEnumValueCollection : List<ConfigurationEnumValue> { }

    public sealed class ConfigurationAttributeSchema
    {
        private readonly AttributeRule _rule;
        internal ConfigurationAttributeSchema(AttributeRule rule) { _rule = rule; }
        public string Name { get { return _rule.Name; } }
        public string Type { get { StandIn.Call(_rule.Name); return _rule.Type; } }
        // What the schema holds is raw: a time span is a number of ticks
        public object DefaultValue { get { StandIn.Call(_rule.Name); return _rule.Default is TimeSpan span ? span.Ticks : _rule.Default; } }
        public bool IsRequired { get { return _rule.Required; } }
        public bool IsEncrypted { get { StandIn.Call(_rule.Name); return _rule.Encrypted; } }

        public ConfigurationEnumValueCollection GetEnumValues()
        {
            StandIn.Call(_rule.Name);
            if (_rule.Values == null) return null;
            var values = new ConfigurationEnumValueCollection();
            foreach (var pair in _rule.Values) values.Add(new ConfigurationEnumValue { Name = pair.Key, Value = pair.Value });
            return values;
        }
    }

    public sealed class ConfigurationAttribute
    {
        private readonly ConfigurationElement _element;
        private readonly AttributeRule _rule;

        internal ConfigurationAttribute(ConfigurationElement element, AttributeRule rule) { _element = element; _rule = rule; }

        public string Name { get { StandIn.Call(); return _rule.Name; } }
        public object Value { get { return _element.GetAttributeValue(_rule.Name); } set { _element.SetAttributeValue(_rule.Name, value); } }
        public ConfigurationAttributeSchema Schema { get { StandIn.Call(_rule.Name); return new ConfigurationAttributeSchema(_rule); } }
        public bool IsInheritedFromDefaultValue { get { StandIn.Call(); return !_rule.Extended && _element.Text(_rule.Name) == null; } }
        public void Delete() { _element.DeleteAttribute(_rule); }
    }

    public sealed class ConfigurationAttributeCollection : List<ConfigurationAttribute> { }

    public class ConfigurationElement
    {
        internal Configuration Configuration;
        internal string Name;
        internal ElementRule Rule;
        internal Tag Local;
        // Where an attribute that is not stored here comes from: the level above, then the element that gives defaults
        internal ConfigurationElement Above, Defaults;
        internal ConfigurationElement Around;
        internal ConfigurationElementCollection Owner;
        internal bool Removed;
        private ConfigurationElementCollection _collection;
        private Dictionary<string, ConfigurationElement> _children;

        internal void Used(string attribute = null)
        {
            Configuration.Manager.Used(attribute);
            if (Removed) throw new InvalidOperationException("The element has been removed");
        }

        internal virtual string Place { get { return (Around == null ? "" : Around.Place + "/") + Name; } }

        internal virtual Tag Stored()
        {
            if (Local != null) return Local;
            var around = Around.Stored();
            return Local = around.Child(Name) ?? around.Insert(new Tag { Name = Name }, null, first: false);
        }

        internal virtual void Locked(string name)
        {
            for (var up = Above; up != null; up = up.Above)
                if (up.Local != null)
                {
                    string attributes = up.Local.Get("lockAttributes") ?? "";
                    if (up.Local.Get("lockItem") == "true" || name != null && attributes.Split(',').Any(part => part.Trim() == name || part.Trim() == "*"))
                        throw new FileLoadException("Lock violation: " + Place + (name == null ? "" : " attribute " + name) + " is locked at a parent level");
                }
            if (Around != null) Around.Locked(null);
        }

        internal AttributeRule Known(string name)
        {
            AttributeRule rule;
            if (Rule == null) throw new InvalidOperationException("The stand-in has no schema for " + Place);
            if (!Rule.Attributes.TryGetValue(name, out rule)) throw StandIn.Refused("Unrecognized attribute '" + name + "' of " + Place);
            return rule;
        }

        internal string Text(string name)
        {
            string text = Local == null ? null : Local.Get(name);
            if (text == null && Above != null) text = Above.Text(name);
            if (text == null && Defaults != null) text = Defaults.Text(name);
            return text;
        }

        // An item says whether this file holds it, at whatever level; another element whether there is one at all
        public virtual bool IsLocallyStored { get { Used(); return Present; } }

        private bool Present { get { return Local != null || Above != null && Above.Present; } }

        public virtual object GetMetadata(string metadataType)
        {
            Used();
            throw new COMException("The request is not supported. (" + Place + ", " + metadataType + ")", StandIn.NotSupported);
        }

        public string ElementTagName { get { Used(); return Name; } }

        public ConfigurationAttributeCollection Attributes
        {
            get
            {
                Used();
                if (Rule == null) throw new InvalidOperationException("The stand-in has no schema for " + Place);
                var all = new ConfigurationAttributeCollection();
                foreach (var rule in Rule.Attributes.Values) all.Add(new ConfigurationAttribute(this, rule));
                return all;
            }
        }

        public ConfigurationAttribute GetAttribute(string attributeName)
        {
            Used(attributeName);
            return new ConfigurationAttribute(this, Known(attributeName));
        }

        public object GetAttributeValue(string attributeName)
        {
            Used(attributeName);
            return Value(attributeName);
        }

        internal object Value(string name)
        {
            var rule = Known(name);
            if (rule.Extended) throw new COMException("The object identifier does not represent a valid object. (" + Place + ", " + name + ")", StandIn.NoSuchObject);
            string text = Text(name);
            return text == null ? rule.Default : rule.Read(text);
        }

        public void SetAttributeValue(string attributeName, object value)
        {
            Used(attributeName);
            var rule = Known(attributeName);
            string text = rule.Write(value);
            Locked(attributeName);
            if (Owner != null) Owner.Renamed(this, attributeName, rule.Read(text));
            Stored().Set(attributeName, text);
        }

        internal void DeleteAttribute(AttributeRule rule)
        {
            Used(rule.Name);
            Locked(rule.Name);
            if (rule.Required) throw StandIn.Refused("The '" + rule.Name + "' attribute is required in " + Place);
            if (Local != null) Local.Unset(rule.Name);
        }

        public ConfigurationElement GetChildElement(string elementName)
        {
            Used();
            if (StandIn.Reads("MISSING", "nothing") && Rule != null && !Rule.Elements.ContainsKey(elementName)) return null;
            return Child(elementName);
        }

        internal ConfigurationElement Child(string name)
        {
            ConfigurationElement child;
            if (_children == null) _children = new Dictionary<string, ConfigurationElement>();
            if (_children.TryGetValue(name, out child)) return child;
            if (Rule == null || !Rule.Elements.ContainsKey(name)) throw StandIn.Refused("Unrecognized element '" + name + "' in " + Place);
            child = new ConfigurationElement
            {
                Configuration = Configuration, Name = name, Rule = Rule.Elements[name], Around = this,
                Local = Local == null ? null : Local.Child(name),
                Above = Above == null ? null : Above.Child(name),
                Defaults = Defaults == null ? null : Defaults.Child(name),
            };
            return _children[name] = child;
        }

        public ConfigurationElementCollection GetCollection()
        {
            Used();
            if (StandIn.Reads("MISSING", "nothing") && Rule != null && Rule.Collection == null) return null;
            return Collection();
        }

        internal ConfigurationElementCollection Collection()
        {
            if (Rule == null || Rule.Collection == null) throw new InvalidOperationException("There is no collection in " + Place);
            return _collection ?? (_collection = new ConfigurationElementCollection(this, Rule.Collection));
        }

        public ConfigurationElementCollection GetCollection(string collectionName) { return GetChildElement(collectionName).GetCollection(); }

        internal void Forget() { _collection = null; _children = null; }
    }

    public sealed class ConfigurationSection : ConfigurationElement
    {
        private readonly string _path, _location;
        internal bool ServerOnly;

        internal override void Locked(string name)
        {
            if (ServerOnly) throw new FileLoadException("The configuration section '" + _path + "' cannot be used at this path (" + _location + "). It is locked");
            base.Locked(name);
        }

        internal ConfigurationSection(Configuration configuration, string path, string location, ElementRule rule, ConfigurationSection above)
        {
            Configuration = configuration;
            _path = path;
            _location = location;
            Rule = rule;
            Above = above;
            Name = path.Substring(path.LastIndexOf('/') + 1);
            Local = configuration.Find(path, location);
        }

        internal override string Place { get { return _path + (_location == "" ? "" : " at " + _location); } }

        private ConfigurationSection Deepest { get { return Local != null ? this : Above == null ? null : ((ConfigurationSection)Above).Deepest; } }

        private string DeepestPathSet
        {
            get
            {
                var deepest = Deepest;
                if (deepest != null) return StandIn.Root + (deepest._location == "" ? "" : "/" + deepest._location);
                if (StandIn.Reads("NOWHERE", "empty")) return "";
                throw new COMException("The request is not supported. (" + Place + ", deepestPathSet)", StandIn.NotSupported);
            }
        }

        public override object GetMetadata(string metadataType)
        {
            if (metadataType != "deepestPathSet") return base.GetMetadata(metadataType);
            Used();
            return DeepestPathSet;
        }

        public override bool IsLocallyStored
        {
            get
            {
                Used();
                return StandIn.Reads("LOCALITY", "file") ? Deepest != null : DeepestPathSet == StandIn.Root;
            }
        }

        internal override Tag Stored() { return Local ?? (Local = Configuration.Make(_path, _location)); }

        public void RevertToParent()
        {
            Used();
            Locked(null);
            if (Local == null) return;
            var tag = Local;
            while (tag.Parent != null && tag.Name != "location")
            {
                var around = tag.Parent;
                around.Drop(tag);
                if (around.Children.Any() || around.Content.Any(part => part is string text && text.Trim() != "")) break;
                tag = around;
            }
            Local = null;
            Forget();
        }
    }

    public sealed class ConfigurationElementCollection : ConfigurationElement, IEnumerable<ConfigurationElement>
    {
        private readonly ConfigurationElement _element;
        private readonly CollectionRule _rule;
        private readonly List<ConfigurationElement> _items = new List<ConfigurationElement>();
        private readonly List<Dictionary<string, ConfigurationElement>> _index = new List<Dictionary<string, ConfigurationElement>>();
        // Behind the last item of this collection a new one goes; child elements that are none come after it
        private Tag _last;
        private bool _loaded;
        private readonly ConfigurationElement _defaults;

        internal ConfigurationElementCollection(ConfigurationElement element, CollectionRule rule)
        {
            _element = element;
            _rule = rule;
            Configuration = element.Configuration;
            Name = element.Name;
            Rule = element.Rule;
            foreach (var key in rule.Keys) _index.Add(new Dictionary<string, ConfigurationElement>(StringComparer.OrdinalIgnoreCase));
            _defaults = DefaultsOf(element, rule);
        }

        // Only when somebody looks: tens of thousands of locations may inherit ten thousand entries each
        private List<ConfigurationElement> Items()
        {
            if (_loaded) return _items;
            _loaded = true;
            var element = _element;
            var rule = _rule;
            var above = element.Above;
            var first = element.Local == null ? null : element.Local.Children.FirstOrDefault();
            bool alone = first != null && first.Name == rule.Clear;
            if (above != null && !alone) foreach (var item in above.Collection().Items()) Enter(Item(null, item));
            if (element.Local == null) return _items;
            foreach (var tag in element.Local.Children)
            {
                if (tag.Name == rule.Add) { Enter(Item(tag, null)); }
                else if (tag.Name == rule.Clear) { _items.Clear(); foreach (var index in _index) index.Clear(); }
                else if (tag.Name == rule.Remove) Leave(Matching(tag));
                else
                {
                    // siteDefaults and the like stand among the items
                    if (!element.Rule.Elements.ContainsKey(tag.Name) && !tag.Name.EndsWith("Defaults")) throw StandIn.Refused("Unrecognized element '" + tag.Name + "' in " + element.Place);
                    continue;
                }
                _last = tag;
            }
            return _items;
        }

        private int Number()
        {
            if (_loaded || _element.Local != null) return Items().Count;
            return _element.Above == null ? 0 : _element.Above.Collection().Number();
        }

        private ConfigurationElement Item(Tag tag, ConfigurationElement above)
        {
            return new ConfigurationElement
            {
                Configuration = Configuration, Name = _rule.Add, Rule = _rule.Item, Around = _element, Local = tag, Above = above, Owner = this,
                Defaults = _defaults,
            };
        }

        private static ConfigurationElement DefaultsOf(ConfigurationElement element, CollectionRule rule)
        {
            for (var around = element; rule.Defaults != null && around != null; around = around.Around)
            {
                var tag = around.Local == null ? null : around.Local.Child(rule.Defaults);
                if (tag != null) return new ConfigurationElement { Configuration = element.Configuration, Name = rule.Defaults, Rule = rule.Item, Local = tag };
            }
            return null;
        }

        private static string Key(ConfigurationElement item, string[] names, string changed, object value)
        {
            return string.Join("\n", names.Select(name => Convert.ToString(name == changed ? value : item.Value(name), CultureInfo.InvariantCulture)));
        }

        private void Enter(ConfigurationElement item)
        {
            Check(item, null, null);
            for (int i = 0; i < _rule.Keys.Count; i++) _index[i][Key(item, _rule.Keys[i], null, null)] = item;
            _items.Add(item);
        }

        private void Check(ConfigurationElement item, string changed, object value)
        {
            for (int i = 0; i < _rule.Keys.Count; i++)
            {
                if (changed != null && !_rule.Keys[i].Contains(changed)) continue;
                string key = Key(item, _rule.Keys[i], changed, value);
                ConfigurationElement other;
                if (_index[i].TryGetValue(key, out other) && other != item)
                    throw StandIn.Refused("Cannot add duplicate collection entry of type '" + _rule.Add + "' with unique key attributes '"
                        + string.Join(", ", _rule.Keys[i]) + "' respectively set to '" + key.Replace("\n", ", ") + "' in " + _element.Place);
            }
        }

        internal void Renamed(ConfigurationElement item, string attribute, object value)
        {
            if (!_rule.Keys.Any(names => names.Contains(attribute))) return;
            Check(item, attribute, value);
            for (int i = 0; i < _rule.Keys.Count; i++)
            {
                _index[i].Remove(Key(item, _rule.Keys[i], null, null));
                _index[i][Key(item, _rule.Keys[i], attribute, value)] = item;
            }
        }

        private void Leave(ConfigurationElement item)
        {
            for (int i = 0; i < _rule.Keys.Count; i++) _index[i].Remove(Key(item, _rule.Keys[i], null, null));
            _items.Remove(item);
        }

        private ConfigurationElement Matching(Tag remove)
        {
            var probe = Item(remove, null);
            ConfigurationElement found;
            if (!_index[0].TryGetValue(Key(probe, _rule.Keys[0], null, null), out found)) throw StandIn.Refused("There is nothing to remove in " + _element.Place);
            return found;
        }

        public int Count { get { Configuration.Manager.Used(); return Number(); } }

        public ConfigurationElement CreateElement() { return CreateElement(_rule.Add); }

        public ConfigurationElement CreateElement(string elementTagName)
        {
            Configuration.Manager.Used();
            if (elementTagName != _rule.Add) throw StandIn.Refused("Unrecognized element '" + elementTagName + "' in " + _element.Place);
            var item = Item(new Tag { Name = elementTagName }, null);
            // It belongs to nobody until it is added
            item.Owner = null;
            return item;
        }

        public ConfigurationElement Add(ConfigurationElement element) { return Place_(element, Items().Count); }

        public ConfigurationElement AddAt(int index, ConfigurationElement element) { return Place_(element, index); }

        private ConfigurationElement Place_(ConfigurationElement item, int index)
        {
            Configuration.Manager.Used();
            Items();
            if (item.Owner != null || item.Local == null || item.Name != _rule.Add) throw new ArgumentException("The element was not made by this collection, or is in it already");
            foreach (var rule in _rule.Item.Attributes.Values)
                if (rule.Required && item.Local.Get(rule.Name) == null) throw StandIn.Refused("Element is missing required attributes " + rule.Name + " in " + _element.Place);
            if (_element.Above != null && _element.Above.Local != null && _element.Above.Local.Get("lockElements") != null) throw new FileLoadException("Lock violation: " + _element.Place);
            _element.Locked(null);
            Check(item, null, null);
            if (index == _items.Count)
            {
                var stored = _element.Stored();
                stored.Insert(item.Local, _last, _last == null);
                _last = item.Local;
            }
            else
            {
                var next = _items[index].Local;
                if (next == null) throw new ArgumentException("An inherited entry comes there");
                int at = next.Parent.Content.IndexOf(next);
                next.Parent.Insert(item.Local, next.Parent.Content.Take(at).OfType<Tag>().LastOrDefault(), true);
            }
            for (int i = 0; i < _rule.Keys.Count; i++) _index[i][Key(item, _rule.Keys[i], null, null)] = item;
            _items.Insert(index, item);
            item.Owner = this;
            return item;
        }

        public void Remove(ConfigurationElement element)
        {
            Configuration.Manager.Used();
            if (!Items().Contains(element)) throw new ArgumentException("The element is not in this collection");
            _element.Locked(null);
            if (element.Local != null) Drop(element.Local);
            else
            {
                if (_rule.Remove == null) throw StandIn.Refused("An inherited entry cannot be removed from " + _element.Place);
                var tag = new Tag { Name = _rule.Remove };
                foreach (string name in _rule.Keys[0]) if (element.Text(name) != null) tag.Set(name, element.Text(name));
                _element.Stored().Insert(tag, null, true);
                if (_last == null) _last = tag;
            }
            Leave(element);
            element.Removed = true;
        }

        private void Drop(Tag tag)
        {
            if (tag == _last) _last = tag.Parent.Content.Take(tag.Parent.Content.IndexOf(tag)).OfType<Tag>().LastOrDefault(other => other.Name == _rule.Add || other.Name == _rule.Clear || other.Name == _rule.Remove);
            tag.Parent.Drop(tag);
        }

        public void Clear()
        {
            Configuration.Manager.Used();
            if (_rule.Clear == null) throw StandIn.Refused("Collection " + _element.Place + " cannot be cleared");
            _element.Locked(null);
            var stored = _element.Stored();
            foreach (var tag in stored.Children.Where(tag => tag.Name == _rule.Add || tag.Name == _rule.Remove || tag.Name == _rule.Clear).ToList()) stored.Drop(tag);
            _loaded = true;
            foreach (var item in _items) item.Removed = true;
            _items.Clear();
            foreach (var index in _index) index.Clear();
            _last = stored.Insert(new Tag { Name = _rule.Clear }, null, true);
        }

        IEnumerator<ConfigurationElement> IEnumerable<ConfigurationElement>.GetEnumerator()
        {
            Configuration.Manager.Used();
            return Items().ToList().GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator() { return ((IEnumerable<ConfigurationElement>)this).GetEnumerator(); }
    }
}
